"""How a learner takes a drift: from its test accuracy at a few steps around it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.catalogue.metrics import ADAPTS
from mln.drift import Timing

Floats = NDArray[np.float64]


class Adaptability(NamedTuple):
    """post_drift_accuracy, post_drift_area and recovery_steps (`bench.catalogue.metrics`)."""

    post_drift_accuracy: float
    post_drift_area: float
    recovery_steps: float


def drift_points(timing: Timing, steps: int) -> list[int]:
    """Steps at which test must be measured: the last before a drift, the first after it began
    and after it ended."""
    return sorted({timing.first, timing.first + 1, min(timing.last + 1, steps)})


def adaptability(
    points: NDArray[np.int64], accuracy: Floats, timing: Timing, steps: int
) -> Adaptability:
    """The measures, from test accuracy [points]; NaN where a learner diverged.

    Between two points the accuracy is taken to change evenly. Recovery is counted from the end
    of the drift.
    """
    before = accuracy[np.searchsorted(points, timing.first)]
    began = points >= timing.first + 1
    ended = points >= min(timing.last + 1, steps)
    span, height = points[began].astype(float), accuracy[began]
    area = float(np.trapezoid(height, span) / np.ptp(span)) if np.ptp(span) else float(height[-1])
    return Adaptability(
        float(accuracy[ended][0]),
        area,
        _recovery(points[ended].astype(float), accuracy[ended], ADAPTS * before, steps),
    )


def _recovery(points: Floats, accuracy: Floats, target: float, steps: int) -> float:
    """Steps from the first point to where the accuracy first reaches `target`."""
    if not np.isfinite([*accuracy, target]).all():
        return float("nan")
    start = points[0] - 1
    reached = np.flatnonzero(accuracy >= target)
    if not len(reached):
        return float(steps - start)
    at = int(reached[0])
    if at == 0:
        return float(points[0] - start)
    share = (target - accuracy[at - 1]) / (accuracy[at] - accuracy[at - 1])
    return float(points[at - 1] + share * (points[at] - points[at - 1]) - start)
