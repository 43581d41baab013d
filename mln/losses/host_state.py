"""The state of one learner on a CPU, kept by NumPy (see `mln.losses.arrays`).

For one learner torch needs some forty operations for what `mln.losses.state` does for many, most of
them on a handful of numbers: more time than cross-entropy takes for a batch.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mln.losses.state import (
    FAST,
    MEASURED,
    PRIOR_FLOOR,
    SLOW,
    TrainingState,
    feature_column,
)

Numbers = NDArray[np.floating]

FOLLOWED_FAST = len(MEASURED) - 1
"""Numbers of a memory whose mean is the fast one; the slow accuracy and the classes are behind."""


def observed_alone(
    memory: Tensor, p: Numbers, y: Numbers, counts: Tensor | None, step: int
) -> Tensor:
    """`mln.losses.state.observed` for one learner: its memory [1, 5 + C] after one more batch.

    p, y: [1, C, B]; counts: [B], 0 for each example that is ignored and otherwise 1, or None. A
    batch that overflowed or has no example leaves the memory as it is.
    """
    p, y = p[0], y[0]
    weight = None if counts is None else counts.numpy()
    if weight is not None:
        y = y * weight
    confidence, chosen = (x.numpy() for x in torch.from_numpy(p).max(0))
    hit = y[chosen, np.arange(p.shape[1])]
    sure = confidence if weight is None else confidence * weight
    number = float(p.shape[1] if weight is None else weight.sum())
    right, sum_of_sure = hit.sum(), sure.sum()
    before: Numbers = memory.numpy()[0]
    now = np.empty_like(before)
    now[0] = (p * y).sum()
    now[1] = now[4] = right
    now[2] = sum_of_sure
    now[3] = sum_of_sure - (confidence * hit).sum()
    now[len(MEASURED) :] = y.sum(axis=1)
    if number == 0 or not np.isfinite(now).all():
        return memory
    rate = np.empty_like(before)
    rate[:FOLLOWED_FAST], rate[FOLLOWED_FAST:] = (
        max(share, 1 / (step + 2)) for share in (FAST, SLOW)
    )
    return torch.from_numpy((before * (1 - rate) + now * (rate / number))[None])


def read_alone(state: TrainingState, memory: Tensor, progress: float) -> None:
    """`TrainingState.read` for one learner."""
    state.memory = memory
    numbers: Numbers = memory.numpy()[0]
    prior = np.maximum(numbers[len(MEASURED) :], PRIOR_FLOOR)
    log_prior = np.log(prior)
    state.log_prior = torch.from_numpy(log_prior[None, :, None])
    if not state.names:
        return
    measured = numbers[: len(MEASURED)].tolist()

    def entropy() -> float:
        return -float(numbers[len(MEASURED) :] @ log_prior)

    row = np.zeros((1, len(state.names) - len(state.names) % -8), numbers.dtype)
    for place, name in enumerate(state.names):
        value = feature_column(name, measured, entropy, state.classes, progress)
        row[0, place] = min(1.0, max(-1.0 if name == "calibration_gap" else 0.0, value))
    state.features = torch.from_numpy(row)


def linear(constant: Tensor, weight: Tensor, state: TrainingState) -> list[float]:
    """constant [1, R, 1] + weight [1, R, S] times the features of one loss's state, on a CPU."""
    outputs: Numbers = constant.numpy()[0, :, 0]
    if state.names:
        outputs = outputs + weight.numpy()[0] @ state.features.numpy()[0]
    numbers: list[float] = outputs.tolist()
    return numbers
