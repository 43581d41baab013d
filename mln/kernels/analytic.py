"""Perceptrons on any device: forward and backward by hand, in chunks that stay in the cache.

A chunk is trained for all its steps before the next begins. The value of the loss is never
computed while training, only its derivative.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from mln.kernels.data import DeviceData
from mln.kernels.optimizer import InPlaceMomentum, Optimizer, adds_in_place
from mln.kernels.recorder import Recorder, in_chunks, one_thread
from mln.kernels.weights import PaddedLayer, Weights, forward, logits, padded_layers, per_weight
from mln.losses.base import StackedLoss, logit_gradient, state_of
from mln.problem import Problem
from mln.rollout import DEFAULT_OPTIONS, Members, RolloutOptions, RolloutResult

WORKING_SET_BYTES = 6 * 2**20
"""Working set of a chunk: a larger one spills from the cache, a smaller one waits on Python."""

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
    """See `mln.rollout.Kernel`; of perceptrons alone."""
    layers = padded_layers(problem)
    data = DeviceData.put(problem, options.device, options.dtype, layers[0].inputs)
    recorder = Recorder(problem, members, points, options.keep_weights)
    with torch.no_grad():
        for chosen in in_chunks(len(members.slot), options.chunk or chunk_size(problem)):
            _train_chunk(data, layers, members, losses, chosen, recorder)
    return recorder.result()


def chunk_size(problem: Problem) -> int:
    """Members whose activations, weights and momentum, and whose loss's, fill WORKING_SET_BYTES."""
    sizes = problem.learner.sizes(problem.features, problem.classes)
    each_example = 2 * sum(sizes[1:]) + LOSS_UNITS * problem.classes
    numbers = each_example * problem.training.batch_size + 3 * problem.initial.shape[1]
    return int(np.clip(WORKING_SET_BYTES // (4 * numbers), 4, 128))


def _train_chunk(
    data: DeviceData,
    layers: list[PaddedLayer],
    members: Members,
    losses: StackedLoss,
    chosen: np.ndarray,
    recorder: Recorder,
) -> None:
    problem, slots = data.problem, data.slots(members.slot[chosen])
    loss = losses.take(torch.from_numpy(chosen).to(data.pool.device))
    stacked = Weights.from_rows(data.start(members, chosen), layers)
    gradient = stacked.zeros(layers)
    rates = torch.from_numpy(members.lr[chosen]).to(stacked.flat)
    optimizer: Optimizer | InPlaceMomentum
    if adds_in_place(problem.training):
        optimizer = InPlaceMomentum(problem.training, stacked.flat)
        example_weight = rates[:, None, None] * data.example_weight
    else:
        rate = per_weight(rates, stacked, layers)
        optimizer = Optimizer(problem.training, stacked.flat, rate)
        example_weight = data.example_weight
    logit_sums = stacked.flat.new_zeros(problem.training.steps, len(chosen))
    wanted = set(recorder.points.tolist())
    state = state_of(loss)
    if state is not None:
        state.reset()
    for step in range(problem.training.steps):
        x, y = data.batch(slots, step)
        z, inputs = forward(stacked, x)
        torch.sum(z, (1, 2), out=logit_sums[step])
        p = z.softmax(1)
        if state is not None:
            state.observe(p, y, data.example_weight, step, problem.training.steps)
        dz = logit_gradient(loss, z, p, y).mul_(example_weight)
        backward(stacked, gradient, inputs, dz, optimizer.kept)
        optimizer.step(gradient.flat)
        if step + 1 in wanted:
            for name in problem.evaluations:
                outputs = data.evaluate(slots, name, step + 1, partial(logits, stacked))
                recorder.curve(chosen, step + 1, name, *outputs)
    recorder.divergence(chosen, logit_sums)
    recorder.weights(chosen, stacked.to_rows(layers))


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
