"""Times to an event that a budget cuts off: restricted means, survival curves, the log-rank test.

Every run is censored at the same budget, so that the restricted mean is the plain mean of the
cut times and any paired test applies to them.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from reports.stats.types import Vector


class Curve(NamedTuple):
    """P(not yet) just after each time at which an event happened."""

    times: Vector
    survival: Vector


class LogRank(NamedTuple):
    """The log-rank test of equal survival: chi-square with groups - 1 degrees of freedom."""

    chi2: float
    p: float


def restricted(times: ArrayLike, budget: float) -> Vector:
    """min(T, budget); a run that never gets there (NaN) counts with the budget."""
    values = np.asarray(times, dtype=float)
    return np.minimum(np.where(np.isnan(values), budget, values), budget)


def survival_curve(times: ArrayLike, reached: ArrayLike) -> Curve:
    """Kaplan-Meier estimate; `reached` is 1 for an event and 0 where the time is censored."""
    from statsmodels.duration.survfunc import SurvfuncRight

    happened = np.asarray(reached, dtype=bool)
    if not happened.any():
        return Curve(np.zeros(0), np.zeros(0))
    with np.errstate(divide="ignore", invalid="ignore"):  # its variance where all have events
        found = SurvfuncRight(np.asarray(times, dtype=float), happened.astype(int))
    return Curve(np.asarray(found.surv_times), np.asarray(found.surv_prob))


def log_rank(times: ArrayLike, reached: ArrayLike, group: ArrayLike) -> LogRank:
    """Do two or more unpaired groups differ? Mantel's (1966) test."""
    from statsmodels.duration.survfunc import survdiff

    chi2, p = survdiff(np.asarray(times, dtype=float), np.asarray(reached), np.asarray(group))
    return LogRank(float(chi2), float(p))
