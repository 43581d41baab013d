"""Perceptrons on a CUDA device: one program per learner that trains it for all its steps.

The GPU's counterpart of `fused`, in Triton, which comes with torch's CUDA build. Weights, moments
and a loss's running state stay on a multiprocessor; a minibatch is gathered there by its rows.
A learner too large for that (see `fits`) is trained by `analytic` on the same device. Its bits
depend on the device's model and the compiler, never on the other members.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import pairwise
from math import log

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from mln.kernels import analytic
from mln.kernels.gpu import numbers
from mln.kernels.gpu.build import Build, warps_of
from mln.kernels.gpu.interface import MAX_LAYERS, MAX_WIDTH
from mln.kernels.optimizer import step_constants
from mln.kernels.recorder import Recorder
from mln.learners import plan
from mln.losses.base import StackedLoss
from mln.losses.state import MAX_CLASSES, initial_memory
from mln.measures import CALIBRATION_BINS
from mln.problem import Evaluation, Problem
from mln.rollout import DEFAULT_OPTIONS, Members, RolloutOptions, RolloutResult

MAX_BATCH = 128
MIN_WIDTH = 16
"""Least width of a matrix product in Triton."""

MAX_STATE = 48 * 1024
"""Padded weights and moments, in numbers, that registers hold."""

MEMORY = 8
"""Of a member's memory, what comes before the running frequencies of its classes."""

SHARE_OF_FREE = 0.5
"""Of the device's free memory, what the members of one launch take at most."""

BUILD = Build()
"""Scripts that measure others put them here."""


def rollout(
    problem: Problem,
    members: Members,
    losses: StackedLoss,
    points: Sequence[int],
    options: RolloutOptions = DEFAULT_OPTIONS,
) -> RolloutResult:
    """See `mln.rollout.Kernel`; its chunk is of members trained in one launch.

    Raises ValueError where Triton cannot compute on the device, or not in that precision.
    """
    if options.dtype != torch.float32:
        raise ValueError(f"the triton kernel computes in float32, not in {options.dtype}")
    if not options.device.startswith("cuda") and not interpreted():
        raise ValueError(f"the triton kernel computes on cuda devices, not on {options.device}")
    if not fits(problem):
        return analytic.rollout(problem, members, losses, points, options)
    recorder = Recorder(problem, members, points, options.keep_weights)
    with _on(options.device):
        device = _Device(problem, losses, options.device)
        size = options.chunk or device.chunk_size(len(members.slot))
        for at in range(0, len(members.slot), size):
            chosen = np.arange(at, min(at + size, len(members.slot)))
            _train_chunk(device, members, chosen, recorder)
    return recorder.result()


def interpreted() -> bool:
    """Whether Triton's interpreter computes, on the CPU and slowly; read when triton is imported.

    TRITON_INTERPRET=1 asks for it."""
    import triton

    return bool(triton.knobs.runtime.interpret)


def fits(problem: Problem) -> bool:
    """Whether the program trains a problem's learners; if not, `analytic` does."""
    widths = problem.learner.sizes(problem.features, problem.classes)
    if problem.learner.kind != "mlp" or len(widths) > MAX_LAYERS + 1 or max(widths) > MAX_WIDTH:
        return False
    if problem.training.batch_size > MAX_BATCH:
        return False
    padded = [_padded(width) for width in widths]
    weights = sum(i * o for i, o in pairwise(padded))
    return weights * (2 if problem.training.optimizer == "sgd" else 3) <= MAX_STATE


@dataclass
class _State:
    """What is kept of a chunk's members between launches: weights and moments [P, W], memories
    [P, MEMORY + C], the step after which a member diverged or -1 [P]; their slots and rates [P]."""

    weights: Tensor
    first: Tensor
    second: Tensor
    memories: Tensor
    diverged_at: Tensor
    slots: Tensor
    rates: Tensor


class _Device:
    """A problem and its losses on a device, and the programs that train and score."""

    def __init__(self, problem: Problem, losses: StackedLoss, device: str) -> None:
        self.problem, self.device = problem, device
        self.loss = numbers.program_of(losses, problem.classes, device)
        self.pool = _examples(problem, device)
        self.rows = self._put(problem.batch_index, np.int32)
        self.labels = self._put(problem.batch_y, np.int32)
        self.schedule = self._put(step_constants(problem.training), np.float32)
        self.initial = self._put(problem.initial, np.float32)
        self.splits: dict[tuple[str, int], tuple[Tensor, Tensor]] = {}
        self.layout = _PaddedLayout(problem)
        layers = len(self.layout.layers)
        spare = [1] * (MAX_LAYERS - layers)
        self.shape = {
            **{f"P{k}": width for k, width in enumerate([*self.layout.widths, *spare])},
            "classes": problem.classes,
            "LAYERS": layers,
            "SIZE": self.layout.size,
            "PC": self.layout.widths[-1],
            "PRECISION": BUILD.precision,
        }
        chosen = warps_of(self.layout.size, layers, problem.training.optimizer)
        self.warps = BUILD.warps or chosen

    def _put(self, array: np.ndarray, dtype: type) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, dtype)).to(self.device)

    def chunk_size(self, members: int) -> int:
        """As many members as fit; no result depends on it."""
        if not self.pool.is_cuda:
            return max(members, 1)
        free, _ = torch.cuda.mem_get_info(self.pool.device)
        each = 4 * (3 * self.layout.size + 1024)
        return int(np.clip(SHARE_OF_FREE * free // each, 1, max(members, 1)))

    def state(self, members: Members, chosen: np.ndarray) -> _State:
        """Members before their first step."""
        slots = self._put(members.slot[chosen], np.int32)
        if members.start is None:
            weights = self.initial.index_select(0, slots.long())
        else:
            weights = self._put(members.start[chosen], np.float32)
        weights = self.layout.pack(weights)
        classes, padded = self.problem.classes, self.layout.widths[-1]
        memories = weights.new_zeros(len(chosen), MEMORY + padded)
        if self.loss.state:
            memory = initial_memory(classes, memories)
            measured = memory.shape[1] - classes
            memories[:, :measured] = memory[:, :measured]
            memories[:, MEMORY : MEMORY + classes] = memory[:, measured:]
        adam = self.problem.training.optimizer != "sgd"
        return _State(
            weights,
            torch.zeros_like(weights),
            torch.zeros_like(weights) if adam else weights.new_zeros(1),
            memories,
            torch.full((len(chosen),), -1, dtype=torch.int32, device=self.device),
            slots,
            self._put(members.lr[chosen], np.float32),
        )

    def train(self, state: _State, losses: Tensor, begin: int, end: int) -> object:
        """Train members from step `begin` to before `end`, in place; the compiled program."""
        from mln.kernels.gpu import train as programs

        training, classes = self.problem.training, self.problem.classes
        rule: str = training.optimizer
        if rule == "sgd" and training.nesterov:
            rule = "nesterov"
        program: object = programs.train[(len(losses),)](
            self.pool,
            self.rows,
            self.labels,
            state.slots,
            state.rates,
            self.schedule,
            state.weights,
            state.first,
            state.second,
            state.memories,
            state.diverged_at,
            losses,
            begin,
            end,
            training.steps,
            training.momentum,
            0.0 if rule == "adamw" else training.weight_decay,
            1 / training.batch_size,
            **self.shape,
            **self.loss.constants,
            batch=training.batch_size,
            PB=_padded(training.batch_size),
            width=losses.shape[1],
            RULE=rule,
            class_size=(log(classes) - log(2)) / (log(MAX_CLASSES) - log(2)),
            log_classes=log(classes),
            UNROLL=BUILD.unroll,
            num_warps=self.warps,
            num_stages=1,
            maxnreg=BUILD.registers,
        )
        return program

    def score(self, state: _State, name: str, step: int) -> Tensor:
        """Scores [P, 4] on a split as it stands after `step` steps, in mln.measures' order."""
        from mln.kernels.gpu import score as programs

        phase = self.problem.phase(name, step)
        if (name, phase.since) not in self.splits:
            self.splits[name, phase.since] = self._split(phase)
        rows, labels = self.splits[name, phase.since]
        scores = state.weights.new_empty(len(state.weights), 4)
        programs.score[(len(scores),)](
            self.pool,
            rows,
            labels,
            state.slots,
            state.weights,
            scores,
            rows.shape[1],
            **self.shape,
            PB=32,
            BINS=CALIBRATION_BINS,
            PBINS=_padded(CALIBRATION_BINS),
            num_warps=self.warps,
            num_stages=1,
        )
        return scores

    def _split(self, phase: Evaluation) -> tuple[Tensor, Tensor]:
        return self._put(phase.rows, np.int32), self._put(phase.y, np.int32)


def _train_chunk(device: _Device, members: Members, chosen: np.ndarray, recorder: Recorder) -> None:
    state = device.state(members, chosen)
    losses = device.loss.numbers[chosen[0] : chosen[-1] + 1].clone()
    done = 0
    kept: list[tuple[int, str, Tensor]] = []
    for point in recorder.stops():
        device.train(state, losses, done, point)
        done = point
        if point in recorder.points:
            kept += [
                (point, name, device.score(state, name, point))
                for name in device.problem.evaluations
            ]
    # Only now does the host wait for the device.
    for point, name, scores in kept:
        recorder.scored(chosen, point, name, scores.unbind(1))
    recorder.diverged_at[chosen] = state.diverged_at.cpu().numpy()
    recorder.weights(chosen, device.layout.unpack(state.weights))


class _PaddedLayout:
    """Layers as the program holds them: weight [in, out] and bias [out], padded by zeros."""

    def __init__(self, problem: Problem) -> None:
        self.layers = plan(problem.learner, problem.features, problem.classes).linear
        sizes = problem.learner.sizes(problem.features, problem.classes)
        self.widths = [_padded(width) for width in sizes]
        self.size = sum(i * o + o for i, o in pairwise(self.widths))

    def pack(self, rows: Tensor) -> Tensor:
        """From one row of weights per learner, [P, W], to [P, size]."""
        packed = rows.new_zeros(len(rows), self.size)
        for layer, (weight, bias) in zip(self.layers, self._views(packed), strict=True):
            matrix = rows[:, layer.weight].view(-1, layer.outputs, layer.inputs)
            weight[:, : layer.inputs, : layer.outputs] = matrix.transpose(1, 2)
            bias[:, : layer.outputs] = rows[:, layer.bias]
        return packed

    def unpack(self, packed: Tensor) -> Tensor:
        """The inverse of `pack`."""
        parts = []
        for layer, (weight, bias) in zip(self.layers, self._views(packed), strict=True):
            matrix = weight[:, : layer.inputs, : layer.outputs].transpose(1, 2)
            parts += [matrix.flatten(1), bias[:, : layer.outputs]]
        return torch.cat(parts, 1)

    def _views(self, packed: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        at = 0
        for i, o in pairwise(self.widths):
            middle = at + i * o
            yield packed[:, at:middle].view(-1, i, o), packed[:, middle : middle + o]
            at = middle + o


def _padded(width: int) -> int:
    """The next power of two that Triton multiplies."""
    return max(MIN_WIDTH, 1 << (width - 1).bit_length())


def _examples(problem: Problem, device: str) -> Tensor:
    """What learners see of all examples, float32 [M, padded D]; as Examples: a product and a
    sum, each rounded."""
    pool = torch.from_numpy(np.ascontiguousarray(problem.pool)).to(device)
    if not pool.is_floating_point():
        scale, shift = (
            torch.from_numpy(part).to(device) for part in (problem.scale, problem.shift)
        )
        pool = pool.to(torch.float32).mul_(scale).add_(shift)
    return pad(pool, (0, _padded(problem.features) - problem.features)).contiguous()


def _on(device: str) -> AbstractContextManager[object]:
    """Triton launches on torch's current device."""
    return torch.cuda.device(device) if device.startswith("cuda") else nullcontext()
