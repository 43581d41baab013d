"""The yardstick: stacked parameters and one autograd backward on the sum of all losses."""

from collections.abc import Sequence

import torch

from mln.kernels.stacked import (
    Device,
    Optimizer,
    Recorder,
    Weights,
    batch,
    forward,
    in_chunks,
    measure,
    one_thread,
    per_weight,
)
from mln.losses.base import StackedLoss, state_of
from mln.rollout import Members, Problem, RolloutResult


@one_thread()
def rollout(
    problem: Problem,
    members: Members,
    losses: StackedLoss,
    points: Sequence[int],
    *,
    device: str = "cpu",
    chunk: int | None = None,
    dtype: torch.dtype = torch.float32,
    keep_weights: bool = False,
) -> RolloutResult:
    """As `mln.kernels.analytic.rollout`, through the loss's value and autograd."""
    data = Device.put(problem, device, dtype)
    recorder = Recorder(problem, members, points, keep_weights)
    for chosen in in_chunks(members, chunk or 64):
        slot = torch.from_numpy(members.slot[chosen]).to(device)
        loss = losses.take(torch.from_numpy(chosen).to(device))
        stacked = Weights.from_rows(data.start(members, chosen), data.plan)
        rates = torch.from_numpy(members.lr[chosen]).to(stacked.flat)
        optimizer = Optimizer(problem.training, stacked.flat, per_weight(rates, stacked, data.plan))
        state = state_of(loss)
        if state is not None:
            state.reset()
        logit_sums = stacked.flat.new_zeros(problem.training.steps, len(chosen))
        for step in range(problem.training.steps):
            x, y = batch(data, slot, step, problem.classes)
            with torch.enable_grad():
                flat = stacked.flat.detach().clone().requires_grad_()
                z, _ = forward(Weights(flat, data.plan, len(chosen)), x)
                if state is not None:
                    p = z.detach().softmax(1)
                    state.observe(p, y, data.example_weight, step, problem.training.steps)
                total = (loss.value(z, y) * data.example_weight).sum()
            (gradient,) = torch.autograd.grad(total, flat)
            logit_sums[step] = z.detach().sum((1, 2))
            optimizer.step(gradient)
            if step + 1 in recorder.points:
                for name in data.evaluations:
                    found = measure(data, stacked, slot, name, step + 1)
                    recorder.curve(chosen, step + 1, name, found)
        recorder.divergence(chosen, logit_sums)
        recorder.weights(chosen, stacked, data.plan)
    return recorder.result()
