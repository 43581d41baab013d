"""Perceptrons on any device: forward and backward by hand, in chunks that stay in the cache.

A chunk is trained for all its steps before the next begins. On a GPU chunks are larger, nothing
is copied to or from the host within a step, and a step is replayed as one CUDA graph. The value
of the loss is never computed while training, only its derivative.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from mln.kernels.data import DeviceData
from mln.kernels.optimizer import InPlaceMomentum, Optimizer, adds_in_place
from mln.kernels.recorder import Recorder, in_chunks, one_thread
from mln.kernels.repeated import GraphMemory, train_on_device
from mln.kernels.weights import PaddedLayer, Weights, forward, logits, padded_layers, per_weight
from mln.losses.base import StackedLoss, logit_gradient, state_of
from mln.losses.soft import on_probabilities
from mln.problem import Problem
from mln.rollout import DEFAULT_OPTIONS, Members, RolloutOptions, RolloutResult

WORKING_SET_BYTES = 6 * 2**20
"""Working set of a chunk: a larger one spills from the cache, a smaller one waits on Python."""

DEVICE_SET_BYTES, MAX_DEVICE_CHUNK = 2**30, 1024
"""Working set of a chunk on a GPU, and the most members of one: small operations wait on their
launch, and a population is filled up to whole chunks."""

LOSS_UNITS = 32
"""Hidden units that a loss is supposed to have, for each class."""


@one_thread()
def rollout(
    problem: Problem,
    members: Members,
    losses: StackedLoss,
    points: Sequence[int],
    options: RolloutOptions = DEFAULT_OPTIONS,
) -> RolloutResult:
    """See `mln.rollout.Kernel`; of perceptrons alone. Its chunk is heeded on a CPU."""
    layers = padded_layers(problem)
    data = DeviceData.put(problem, options.device, options.dtype, layers[0].inputs)
    recorder = Recorder(problem, members, points, options.keep_weights)
    on_cpu = data.pool.device.type == "cpu"
    graphs = GraphMemory(data.pool.device)
    if on_cpu:
        chunks = in_chunks(len(members.slot), options.chunk or chunk_size(problem))
    else:
        size = device_chunk_size(problem)
        chunks = in_chunks(len(members.slot), size, size)
    with torch.no_grad():
        for chosen in chunks:
            chunk = _Chunk(data, layers, members, losses.take(_numbers(chosen, data)), chosen)
            if on_cpu:
                _train_in_cache(chunk, recorder)
            else:
                step = partial(_step_on_device, chunk)
                train_on_device(chunk, step, recorder, data.pool.device, graphs)
            recorder.divergence(chosen, chunk.logit_sums)
            recorder.weights(chosen, chunk.stacked.to_rows(layers))
    return recorder.result()


def chunk_size(problem: Problem) -> int:
    """Members whose activations, weights and momentum, and whose loss's, fill WORKING_SET_BYTES."""
    return int(np.clip(WORKING_SET_BYTES // _member_bytes(problem), 4, 128))


def device_chunk_size(problem: Problem) -> int:
    """Members that are trained together on another device than a CPU.

    Always so many, whatever the population and the free memory: the libraries choose how they
    multiply by the number of matrices, and a member's bits would follow it.
    """
    return int(np.clip(DEVICE_SET_BYTES // _member_bytes(problem), 8, MAX_DEVICE_CHUNK))


def _member_bytes(problem: Problem) -> int:
    sizes = problem.learner.sizes(problem.features, problem.classes)
    each_example = 2 * sum(sizes[1:]) + LOSS_UNITS * problem.classes
    weights: int = problem.initial.shape[1]
    return 4 * (each_example * problem.training.batch_size + 3 * weights)


def _numbers(chosen: np.ndarray, data: DeviceData) -> Tensor:
    return torch.from_numpy(chosen).to(data.pool.device)


class _Chunk:
    """Members in training: their weights, gradient, optimiser, loss and its state."""

    def __init__(
        self,
        data: DeviceData,
        layers: list[PaddedLayer],
        members: Members,
        loss: StackedLoss,
        chosen: np.ndarray,
    ) -> None:
        self.data, self.chosen = data, chosen
        self.training = data.problem.training
        self.loss = on_probabilities(loss) if self.training.augmentation.mixup else loss
        self.slots = data.slots(members.slot[chosen])
        self.stacked = Weights.from_rows(data.start(members, chosen), layers)
        self.gradient = self.stacked.zeros(layers)
        rates = torch.from_numpy(members.lr[chosen]).to(self.stacked.flat)
        self.optimizer: Optimizer | InPlaceMomentum
        if adds_in_place(self.training):
            self.optimizer = InPlaceMomentum(self.training, self.stacked.flat)
            self.example_weight = rates[:, None, None] * data.example_weight
        else:
            rate = per_weight(rates, self.stacked, layers)
            self.optimizer = Optimizer(self.training, self.stacked.flat, rate)
            self.example_weight = data.example_weight
        self.logit_sums = self.stacked.flat.new_zeros(self.training.steps, len(chosen))
        self.state = state_of(loss)
        if self.state is not None:
            self.state.reset()

    def observe(self, p: Tensor, y: Tensor, step: int | Tensor) -> None:
        """The loss's state takes in a batch."""
        if self.state is not None:
            self.state.observe(p, y, self.data.example_weight, step, self.training.steps)

    def backward(self, inputs: list[Tensor], z: Tensor, p: Tensor, y: Tensor) -> None:
        """The gradient of the weights from logits, probabilities and targets."""
        dz = logit_gradient(self.loss, z, p, y).mul_(self.example_weight)
        backward(self.stacked, self.gradient, inputs, dz, self.optimizer.kept)

    def evaluate(self, step: int, recorder: Recorder) -> None:
        """Record the scores after a step."""
        for name in self.data.problem.evaluations:
            outputs = self.data.evaluate(self.slots, name, step, partial(logits, self.stacked))
            recorder.curve(self.chosen, step, name, *outputs)


def _train_in_cache(chunk: _Chunk, recorder: Recorder) -> None:
    wanted = set(recorder.points.tolist())
    for step in range(chunk.training.steps):
        x, y = chunk.data.batch(chunk.slots, step)
        z, inputs = forward(chunk.stacked, x)
        torch.sum(z, (1, 2), out=chunk.logit_sums[step])
        p = z.softmax(1)
        chunk.observe(p, y, step)
        chunk.backward(inputs, z, p, y)
        chunk.optimizer.step(chunk.gradient.flat)
        if step + 1 in wanted:
            chunk.evaluate(step + 1, recorder)


def _step_on_device(chunk: _Chunk, at: Tensor) -> None:
    """A step that copies nothing from the host; at: int64 [1]."""
    x, y = chunk.data.batch(chunk.slots, at)
    z, inputs = forward(chunk.stacked, x)
    chunk.logit_sums.index_copy_(0, at, z.sum((1, 2))[None])
    p = z.softmax(1)
    chunk.observe(p, y, at.to(p.dtype))
    chunk.backward(inputs, z, p, y)
    chunk.optimizer.step_at(chunk.gradient.flat, at)


def backward(
    stacked: Weights, gradient: Weights, inputs: list[Tensor], dz: Tensor, kept: float
) -> None:
    """Gradient of the weights, from the derivative dz [P, C, B] with respect to the logits; it is
    added to `kept` of what stands in `gradient`."""
    for layer in range(len(inputs) - 1, -1, -1):
        gradient.weights[layer].baddbmm_(dz, inputs[layer].transpose(1, 2), beta=kept)
        bias = gradient.biases[layer]
        torch.add(dz.sum(2, keepdim=True), bias, alpha=kept, out=bias)
        if layer > 0:
            dz = torch.bmm(stacked.weights[layer].transpose(1, 2), dz)
            # A ReLU's input is positive just where its output is.
            torch.ops.aten.threshold_backward(dz, inputs[layer], 0, grad_input=dz)
