"""Rollouts: many learners trained side by side, each under its own loss. What a kernel is."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from mln.losses.base import StackedLoss
from mln.problem import Problem

LOGITS, WEIGHTS = "logits not finite", "weights not finite"
"""Why a member diverged."""


class Members(NamedTuple):
    """Who is trained: the slot, int64 [P], and the learning rate, float [P], of each learner.

    start: float32 [P, W], weights to train on from in place of the slots' initial ones.
    """

    slot: NDArray[np.int64]
    lr: NDArray[np.float64]
    start: NDArray[np.float32] | None = None


class Scores(NamedTuple):
    """What is measured on one split, float64 [P, points].

    accuracy; nll: mean negative log-likelihood in nats; balanced_accuracy: mean over the classes
    that occur of the share found; ece: expected calibration error (mln.measures).
    """

    accuracy: NDArray[np.float64]
    nll: NDArray[np.float64]
    balanced_accuracy: NDArray[np.float64]
    ece: NDArray[np.float64]


class RolloutResult(NamedTuple):
    """Learning curves at `points` (steps done), by split.

    diverged_at: int64 [P], the first step whose logits were not finite, the last step where the
    weights it left are not, or -1; reasons: why, "" where a member did not diverge. A diverged
    member's scores from then on are NaN. weights: float32 [P, W] after the last step, where asked
    for.
    """

    points: NDArray[np.int64]
    scores: dict[str, Scores]
    diverged_at: NDArray[np.int64]
    reasons: list[str]
    weights: NDArray[np.float32] | None = None


class Kernel(Protocol):
    """Trains the members of a problem and measures them on its evaluation splits after each of
    `points` steps; `mln.kernels.engine` chooses one.

    chunk: members trained together, chosen by the kernel where None; no member's result depends
    on it, nor on the other members. keep_weights: return the final weights too.
    """

    def __call__(
        self,
        problem: Problem,
        members: Members,
        losses: StackedLoss,
        points: Sequence[int],
        *,
        device: str = "cpu",
        chunk: int | None = None,
        keep_weights: bool = False,
    ) -> RolloutResult: ...


def curve_points(steps: int, count: int) -> list[int]:
    """At most `count` steps, evenly spaced, that end at the last."""
    return sorted({round(steps * (i + 1) / count) for i in range(count)} - {0})
