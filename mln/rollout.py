"""Rollouts: many learners trained side by side, each under its own loss. What a kernel is."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
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


class SplitScores(NamedTuple):
    """What is measured on one split, float64 [P, points].

    accuracy; nll: mean negative log-likelihood in nats; balanced_accuracy: mean over the classes
    that occur of the recall; ece: expected calibration error (mln.measures).
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
    scores: dict[str, SplitScores]
    diverged_at: NDArray[np.int64]
    reasons: list[str]
    weights: NDArray[np.float32] | None = None


class RolloutOptions(NamedTuple):
    """How a rollout is computed, and whether it returns the final weights (`keep_weights`).

    device: as torch names it. chunk: members trained together, chosen by the kernel where None;
    no member's result depends on it. dtype: that of weights and activations, which the fused
    kernel has in float32 alone.
    """

    device: str = "cpu"
    chunk: int | None = None
    keep_weights: bool = False
    dtype: torch.dtype = torch.float32


DEFAULT_OPTIONS = RolloutOptions()


class Kernel(Protocol):
    """Trains the members of a problem and measures them on its evaluation splits after each of
    `points` steps; `mln.kernels.engine` chooses one.

    No member's result depends on the other members. Raises ValueError for options that the
    kernel does not have.
    """

    def __call__(
        self,
        problem: Problem,
        members: Members,
        losses: StackedLoss,
        points: Sequence[int],
        options: RolloutOptions = DEFAULT_OPTIONS,
    ) -> RolloutResult:
        """See the class."""
        ...


def curve_points(steps: int, count: int) -> list[int]:
    """At most `count` steps, evenly spaced, that end at the last."""
    return sorted({round(steps * (i + 1) / count) for i in range(count)} - {0})
