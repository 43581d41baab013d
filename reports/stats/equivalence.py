"""Equivalence of paired scores whose resolution bounds their spread from below.

A score that is the share of n test examples moves in steps of 1 / n. Few pairs of such scores may
be alike by luck, so that their sample SD says nothing: with 18 test examples, 6 pairs and a true
difference of .006, all differences are 0 in half of all experiments, and a t test takes them for
proof. Two bounds hold whatever was drawn:

- If the true difference is as large as the region, d, at least d n examples of a run are right
  under one loss and wrong under the other, and the variance of a run's difference is at least
  d / n, that of a count of rare events. Equivalence has to reject just that, so that its standard
  error is the one under the hypothesis, as in the score test of paired shares (Tango 1998).
- Each of two scores that are rounded to steps of 1 / n has a rounding error with the variance
  1 / (12 n^2) (Sheppard 1898): the SD of a difference is 1 / (n sqrt 6) at least.

The mean of so many pairs has steps of its own, half of one of which is the correction for
continuity: sums of few counts are skewed towards "no difference".
"""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from reports.stats.paired import sd


def least_sd(resolution: float | None, rope: float = 0.0) -> float:
    """The SD that differences of one run have at least; 0 where the resolution is not known.

    resolution: the step between two scores of one run, 1 / n for the share of n examples. rope:
    the true difference that a test has to reject, 0 for an interval.
    """
    if resolution is None:
        return 0.0
    return max(resolution / math.sqrt(6), math.sqrt(max(rope, 0.0) * resolution))


def equivalence(d: ArrayLike, rope: float, resolution: float | None = None) -> float:
    """p of the two one-sided t tests (Schuirmann 1987) that |mean| < rope, from differences (n,).

    The SD is not below `least_sd`. 1 for fewer than two differences, and for constant ones where
    the resolution is not known: nothing says how far they could have spread.
    """
    values = np.asarray(d, dtype=float)
    if values.size < 2:
        return 1.0
    error = sd(values) / math.sqrt(values.size)
    return equivalence_of_mean(
        float(values.mean()), error, values.size - 1, rope, resolution, values.size
    )


MAX_PAIRS = 10_000


@lru_cache
def pairs_for_equivalence(resolution: float, rope: float, *, alpha: float = 0.05) -> int | None:
    """The fewest pairs that can be equivalent, if all are the same; None above 10,000."""
    if rope <= 0:
        return None
    for n in range(2, MAX_PAIRS + 1):
        if equivalence_of_mean(0.0, 0.0, n - 1, rope, resolution, n) < alpha:
            return n
    return None


def equivalence_of_mean(
    mean: float, error: float, df: float, rope: float, resolution: float | None, units: int
) -> float:
    """The same for a mean over so many units, from its standard error and degrees of freedom."""
    step = (resolution or 0.0) / units
    error = max(error, least_sd(resolution, rope) / math.sqrt(units))
    if error == 0 or not math.isfinite(error):
        return 1.0
    return float(special.stdtr(df, (abs(mean) + step / 2 - rope) / error))
