"""A problem's arrays on a device, and the minibatches and evaluation sets drawn from them."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from mln.kernels.alignment import aligned
from mln.kernels.augmenting import Augmenter
from mln.problem import Problem
from mln.rollout import Members

EVALUATED_TOGETHER = 1024
"""Examples of an evaluation that are propagated at a time: it bounds the memory."""

MAX_COPIED_FEATURES = 12
"""MKL multiplies by so narrow a matrix up to four times as fast when its columns are contiguous."""


class MemberSlots(NamedTuple):
    """The numbers of P members' slots, int64 [P], or [1] where all share it."""

    number: Tensor
    members: int

    def spread(self, values: Tensor) -> Tensor:
        """A view of what was drawn for these slots, one for each member."""
        return values.expand(self.members, *values.shape[1:])


@dataclass
class DeviceData:
    """A problem's arrays on its device, padded so that every stacked matrix is aligned.

    Padding changes nothing: added features are 0, and their weights have no gradient; added
    examples of a minibatch have `example_weight` 0, and a module, which may mix examples, gets
    none; added rows of an evaluation have label -1. features: the padded number of them.
    """

    problem: Problem
    features: int
    pool: Tensor
    scale: Tensor
    shift: Tensor
    batch_index: Tensor
    batch_y: Tensor
    example_weight: Tensor
    initial: Tensor
    draws: Tensor
    augmenter: Augmenter | None = None
    splits: dict[tuple[str, int], tuple[Tensor, Tensor]] = field(default_factory=dict)
    """Rows and labels [K, E] of the splits that were scored, by the step their phase is since."""

    @classmethod
    def put(
        cls, problem: Problem, device: str, dtype: torch.dtype, features: int | None = None
    ) -> "DeviceData":
        """Copy a problem to `device`; floating-point arrays become `dtype`, bytes stay bytes."""

        def move(array: np.ndarray) -> Tensor:
            tensor = torch.from_numpy(array)
            return tensor.to(device, dtype if tensor.is_floating_point() else None)

        batch_size = problem.training.batch_size
        extra = 0 if problem.learner.kind == "module" else aligned(batch_size) - batch_size
        weight = torch.full((batch_size,), 1 / batch_size, device=device, dtype=dtype)
        return cls(
            problem=problem,
            features=features or problem.features,
            pool=move(problem.pool),
            scale=move(problem.scale),
            shift=move(problem.shift),
            batch_index=pad(move(problem.batch_index), (0, extra)),
            batch_y=pad(move(problem.batch_y), (0, extra)),
            example_weight=pad(weight, (0, extra)),
            initial=move(problem.initial),
            draws=move(problem.draws),
            augmenter=Augmenter.put(problem, device, extra),
        )

    def start(self, members: Members, chosen: np.ndarray) -> Tensor:
        """Weights [M, W] that the chosen members are trained on from."""
        if members.start is None:
            return self.initial[torch.from_numpy(members.slot[chosen]).to(self.initial.device)]
        return torch.from_numpy(members.start[chosen]).to(self.initial)

    def slots(self, chosen: np.ndarray) -> MemberSlots:
        """The slots of a chunk's members: one alone is drawn once for all of them on a CPU.

        A GPU's library might multiply by what all share otherwise than by what each has.
        """
        alike = (chosen == chosen[0]).all() and self.pool.device.type == "cpu"
        number = torch.from_numpy(chosen[:1] if alike else chosen)
        return MemberSlots(number.to(self.pool.device), len(chosen))

    def keys(self, slots: MemberSlots) -> Tensor:
        """What the members' training steps draw from, int64 [P]."""
        return slots.spread(self.draws.index_select(0, slots.number))

    def batch(self, slots: MemberSlots, step: int | Tensor) -> tuple[Tensor, Tensor]:
        """Minibatch of a step, counted from 0 (or int64 [1], on the device), augmented: x
        [P, D, B] and y [P, C, B], one-hot unless examples are mixed; of members that share a slot
        these are views of one."""
        x = self._seen(_at(self.batch_index, step).index_select(0, slots.number))
        labels = _at(self.batch_y, step).index_select(0, slots.number)
        y = x.new_zeros(len(labels), self.problem.classes, labels.shape[1])
        y.scatter_(1, labels[:, None], 1.0)
        if self.augmenter is not None:
            x, y = self.augmenter(x, y, slots.number, step)
        return slots.spread(self._stacked(x)), slots.spread(y).contiguous()

    def evaluate(
        self, slots: MemberSlots, name: str, step: int, forward: Callable[[Tensor], Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Logits [P, C, E] and labels [P, E] of a split as it stands after `step` steps.

        forward: from examples [P, D, E] to logits; it gets EVALUATED_TOGETHER of each
        learner's at most.
        """
        phase = self.problem.phase(name, step)
        if (name, phase.since) not in self.splits:
            self.splits[name, phase.since] = (
                torch.from_numpy(_columns(phase.rows, 0)).to(self.pool.device),
                torch.from_numpy(_columns(phase.y, -1)).to(self.pool.device),
            )
        rows, labels = (
            part.index_select(0, slots.number) for part in self.splits[name, phase.since]
        )
        parts = [
            forward(slots.spread(self._stacked(self._seen(part))))
            for part in torch.split(rows, EVALUATED_TOGETHER, 1)
        ]
        return (parts[0] if len(parts) == 1 else torch.cat(parts, 2)), slots.spread(labels)

    def _seen(self, rows: Tensor) -> Tensor:
        """Examples at rows [P, N] of the pool, [P, N, D]."""
        examples = self.pool.index_select(0, rows.flatten())
        if not examples.is_floating_point():
            # As Examples does: a product and a sum, each rounded.
            examples = examples.to(self.scale.dtype).mul_(self.scale).add_(self.shift)
        return examples.view(*rows.shape, -1)

    def _stacked(self, examples: Tensor) -> Tensor:
        """Examples [P, N, D] as [P, D, N], padded: a view unless D is small."""
        if self.features > examples.shape[2]:
            examples = pad(examples, (0, self.features - examples.shape[2]))
        x = examples.transpose(1, 2)
        return x.contiguous() if x.shape[1] < MAX_COPIED_FEATURES else x


def augmenting_seconds(problem: Problem, device: str) -> float:
    """How long it takes to augment the minibatches of all slots and steps; 0 where none is."""
    data = DeviceData.put(problem, device, torch.float32)
    if data.augmenter is None:
        return 0.0
    slots = MemberSlots(torch.arange(len(problem), device=data.pool.device), len(problem))
    x, y = data.batch(slots, 0)
    x = x.transpose(1, 2)
    started = time.perf_counter()
    for step in range(problem.training.steps):
        made, _ = data.augmenter(x, y, slots.number, step)
    made.sum().item()  # a GPU has done by then what it was asked
    return time.perf_counter() - started


def _at(batches: Tensor, step: int | Tensor) -> Tensor:
    """What belongs to a step [K, B] of batches [K, T, B]."""
    if isinstance(step, int):
        return batches[:, step]
    return batches.index_select(1, step)[:, 0]


def _columns(values: np.ndarray, filler: int) -> np.ndarray:
    """Values [P, E] with columns added up to an aligned number."""
    extra = aligned(values.shape[1]) - values.shape[1]
    return np.pad(values, ((0, 0), (0, extra)), constant_values=filler)
