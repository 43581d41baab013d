"""The yardstick: stacked parameters and one autograd backward on the sum of all losses.

Any loss, any learner (`mln.kernels.networks`).
"""

from collections.abc import Sequence
from functools import partial

import torch

from mln.kernels.data import DeviceData
from mln.kernels.networks import Network, network_of
from mln.kernels.optimizer import Optimizer
from mln.kernels.recorder import Recorder, in_chunks, one_thread
from mln.losses.base import StackedLoss, state_of
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
    for chosen in in_chunks(len(members.slot), *(network.chunk or (options.chunk or CHUNK, 2))):
        slots = data.slots(members.slot[chosen])
        loss = losses.take(torch.from_numpy(chosen).to(options.device))
        weights = network.flat(data.start(members, chosen))
        rates = torch.from_numpy(members.lr[chosen]).to(weights)
        optimizer = Optimizer(problem.training, weights, network.spread(rates))
        state = state_of(loss)
        if state is not None:
            state.reset()
        logit_sums = weights.new_zeros(problem.training.steps, len(chosen))
        for step in range(problem.training.steps):
            x, y = data.batch(slots, step)
            with torch.enable_grad():
                flat = weights.detach().clone().requires_grad_()
                z = network.forward(flat, x)
                if state is not None:
                    p = z.detach().softmax(1)
                    state.observe(p, y, data.example_weight, step, problem.training.steps)
                total = (loss.value(z, y) * data.example_weight).sum()
            (gradient,) = torch.autograd.grad(total, flat)
            logit_sums[step] = z.detach().sum((1, 2))
            optimizer.step(gradient)
            if step + 1 in recorder.points:
                for name in problem.evaluations:
                    with torch.no_grad():
                        outputs = data.evaluate(
                            slots, name, step + 1, partial(network.forward, weights)
                        )
                    recorder.curve(chosen, step + 1, name, *outputs)
        recorder.divergence(chosen, logit_sums)
        recorder.weights(chosen, network.rows(weights, len(chosen)))
    return recorder.result()


@one_thread()
def score(problem: Problem, members: Members, name: str, *, device: str = "cpu") -> SplitScores:
    """Scores, [P, 1], of members as they start: nothing is trained."""
    network: Network = network_of(problem, device, torch.float32)
    data = DeviceData.put(problem, device, torch.float32, network.features)
    recorder = Recorder(problem, members, [0])
    with torch.no_grad():
        for chosen in in_chunks(len(members.slot), *(network.chunk or (CHUNK, 2))):
            slots = data.slots(members.slot[chosen])
            weights = network.flat(data.start(members, chosen))
            outputs = data.evaluate(slots, name, 0, partial(network.forward, weights))
            recorder.curve(chosen, 0, name, *outputs)
    return recorder.scores[name]
