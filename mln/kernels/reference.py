"""The yardstick: stacked parameters and one autograd backward on the sum of all losses.

Any loss, any learner (`mln.kernels.networks`, `mln.kernels.modules`).
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import partial

import numpy as np
import torch
from torch import Tensor

from mln.kernels.data import DeviceData
from mln.kernels.draws import Moment
from mln.kernels.modules import Modules
from mln.kernels.networks import (
    DEVICE_CNN_GROUP,
    DEVICE_GROUP,
    DEVICE_PICTURES,
    DEVICE_WAY,
    Convolutions,
    Network,
    Perceptrons,
)
from mln.kernels.optimizer import Optimizer
from mln.kernels.recorder import Recorder, in_chunks, one_thread
from mln.kernels.repeated import GraphMemory, train_on_device
from mln.losses.base import StackedLoss, state_of
from mln.losses.soft import on_probabilities
from mln.problem import Problem
from mln.rollout import DEFAULT_OPTIONS, Members, RolloutOptions, RolloutResult, SplitScores

CHUNK = 64


@one_thread()
def rollout(
    problem: Problem,
    members: Members,
    losses: StackedLoss,
    points: Sequence[int],
    options: RolloutOptions = DEFAULT_OPTIONS,
) -> RolloutResult:
    """See `mln.rollout.Kernel`; through the loss's value and autograd."""
    network = network_of(problem, options.device, options.dtype)
    data = DeviceData.put(problem, options.device, options.dtype, network.features)
    recorder = Recorder(problem, members, points, options.keep_weights)
    on_cpu = torch.device(options.device).type == "cpu"
    # A user's own module may do what no graph can repeat.
    graphs = GraphMemory(data.pool.device, problem.learner.kind != "module")
    sizes = network.chunk or (options.chunk or CHUNK, 2)
    with exact_convolutions():
        for chosen in in_chunks(len(members.slot), *sizes):
            loss = losses.take(torch.from_numpy(chosen).to(options.device))
            chunk = _Chunk(network, data, members, loss, chosen)
            if on_cpu:
                _train_on_cpu(chunk, recorder)
            else:
                step = partial(_step_on_device, chunk)
                train_on_device(chunk, step, recorder, data.pool.device, graphs)
            recorder.divergence(chosen, chunk.logit_sums)
            recorder.weights(chosen, network.rows(chunk.weights, len(chosen)))
    return recorder.result()


def exact_convolutions() -> AbstractContextManager[None]:
    """Convolutions on CUDA in float32 and the same each time; torch's default is neither."""
    cudnn = torch.backends.cudnn
    context: AbstractContextManager[None] = cudnn.flags(
        enabled=cudnn.enabled, benchmark=False, deterministic=True, allow_tf32=False
    )
    return context


class _Chunk:
    """Members in training: their weights, optimiser, loss and its state."""

    def __init__(
        self,
        network: Network,
        data: DeviceData,
        members: Members,
        loss: StackedLoss,
        chosen: np.ndarray,
    ) -> None:
        self.network, self.data, self.chosen = network, data, chosen
        self.training = data.problem.training
        self.loss = on_probabilities(loss) if self.training.augmentation.mixup else loss
        self.slots = data.slots(members.slot[chosen])
        self.keys = data.keys(self.slots)
        self.weights = network.flat(data.start(members, chosen))
        rates = torch.from_numpy(members.lr[chosen]).to(self.weights)
        self.optimizer = Optimizer(self.training, self.weights, network.spread(rates))
        self.state = state_of(loss)
        if self.state is not None:
            self.state.reset()
        self.logit_sums = self.weights.new_zeros(self.training.steps, len(chosen))

    def gradient(self, x: Tensor, y: Tensor, step: int | Tensor) -> tuple[Tensor, Tensor]:
        """The gradient of the weights on a batch, and the logits; state and buffers take it in."""
        with torch.enable_grad():
            flat = self.weights.detach().clone().requires_grad_()
            z, buffers = self.network.trained(flat, x, Moment(self.keys, step))
            if self.state is not None:
                p = z.detach().softmax(1)
                self.state.observe(p, y, self.data.example_weight, step, self.training.steps)
            total = (self.loss.value(z, y) * self.data.example_weight).sum()
        (gradient,) = torch.autograd.grad(total, flat)
        if buffers is not None:
            self.weights[:, -buffers.shape[1] :] = buffers
        return gradient, z.detach()

    def evaluate(self, step: int, recorder: Recorder) -> None:
        """Record the scores after a step."""
        for name in self.data.problem.evaluations:
            with torch.no_grad():
                outputs = self.data.evaluate(
                    self.slots, name, step, partial(self.network.forward, self.weights)
                )
            recorder.curve(self.chosen, step, name, *outputs)


def _train_on_cpu(chunk: _Chunk, recorder: Recorder) -> None:
    for step in range(chunk.training.steps):
        x, y = chunk.data.batch(chunk.slots, step)
        gradient, z = chunk.gradient(x, y, step)
        chunk.logit_sums[step] = z.sum((1, 2))
        chunk.optimizer.step(gradient)
        if step + 1 in recorder.points:
            chunk.evaluate(step + 1, recorder)


def _step_on_device(chunk: _Chunk, at: Tensor) -> None:
    """A step that copies nothing from the host; at: int64 [1]."""
    x, y = chunk.data.batch(chunk.slots, at)
    gradient, z = chunk.gradient(x, y, at.to(chunk.weights.dtype))
    chunk.logit_sums.index_copy_(0, at, z.sum((1, 2))[None])
    chunk.optimizer.step_at(gradient, at)


def network_of(problem: Problem, device: str, dtype: torch.dtype) -> Network:
    """The stacked network of a problem's learners."""
    on_cpu = torch.device(device).type == "cpu"
    if problem.learner.kind == "module":
        return Modules(problem, device, dtype)
    if problem.learner.kind == "cnn":
        if on_cpu:
            return Convolutions(problem)
        return Convolutions(problem, DEVICE_CNN_GROUP, DEVICE_WAY, DEVICE_PICTURES)
    return Perceptrons(problem, None if on_cpu else (DEVICE_GROUP, DEVICE_GROUP))


@one_thread()
def score(problem: Problem, members: Members, name: str, *, device: str = "cpu") -> SplitScores:
    """Scores, [P, 1], of members as they start: nothing is trained."""
    network: Network = network_of(problem, device, torch.float32)
    data = DeviceData.put(problem, device, torch.float32, network.features)
    recorder = Recorder(problem, members, [0])
    with torch.no_grad(), exact_convolutions():
        for chosen in in_chunks(len(members.slot), *(network.chunk or (CHUNK, 2))):
            slots = data.slots(members.slot[chosen])
            weights = network.flat(data.start(members, chosen))
            outputs = data.evaluate(slots, name, 0, partial(network.forward, weights))
            recorder.curve(chosen, 0, name, *outputs)
    return recorder.scores[name]
