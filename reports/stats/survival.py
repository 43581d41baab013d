"""Times to an event that a budget cuts off.

Every run is censored at the same budget, so that the restricted mean is the plain mean of the
cut times and any paired test applies to them.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from reports.stats.types import Vector


class SurvivalCurve(NamedTuple):
    """P(not yet) just after each time at which an event happened."""

    times: Vector
    survival: Vector


def survival_curve(times: ArrayLike, reached: ArrayLike) -> SurvivalCurve:
    """Kaplan and Meier's (1958) estimate from `times` and `reached`, shape (runs,) each.

    `reached` is 1 for an event and 0 where the time is censored. Computed by statsmodels; empty
    where nothing happened.
    """
    from statsmodels.duration.survfunc import SurvfuncRight

    happened = np.asarray(reached, dtype=bool)
    if not happened.any():
        return SurvivalCurve(np.zeros(0), np.zeros(0))
    with np.errstate(divide="ignore", invalid="ignore"):  # its variance where all have events
        estimate = SurvfuncRight(np.asarray(times, dtype=float), happened.astype(int))
    return SurvivalCurve(np.asarray(estimate.surv_times), np.asarray(estimate.surv_prob))
