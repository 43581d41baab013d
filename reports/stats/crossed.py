"""A mean over runs and seeds that are both drawn: two crossed random factors."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

from reports.stats.intervals import t_half_width


class Crossed(NamedTuple):
    """A grand mean with its t interval and two-sided p, its standard error and its df."""

    estimate: float
    low: float
    high: float
    p: float
    error: float
    df: float

    def equivalence(self, rope: float) -> float:
        """p of the two one-sided t tests that |mean| < rope."""
        if not np.isfinite(self.error):
            return 1.0
        if self.error == 0:
            return 0.0 if abs(self.estimate) < rope else 1.0
        return float(special.stdtr(self.df, (abs(self.estimate) - rope) / self.error))


def crossed(gains: ArrayLike, *, confidence: float = 0.95) -> Crossed:
    """The mean of `gains` (runs, seeds) as one draw of both runs and seeds.

    All runs are compared with the same baseline on the same seeds, so that a test over runs alone
    takes a baseline's bad luck for a gain of the method. The variance of the mean is estimated as
    (MS_runs + MS_seeds - MS_rest) / (runs seeds), at least the larger of its parts, with
    Satterthwaite's degrees of freedom (quasi-F: Clark 1973). NaN below two runs or seeds.
    """
    values = np.asarray(gains, dtype=float)
    runs, seeds = values.shape
    mean = float(values.mean())
    if runs < 2 or seeds < 2:
        return Crossed(mean, *[float("nan")] * 5)
    rows, columns = values.mean(axis=1), values.mean(axis=0)
    over_runs = seeds * float(((rows - mean) ** 2).sum()) / (runs - 1)
    over_seeds = runs * float(((columns - mean) ** 2).sum()) / (seeds - 1)
    rest = values - rows[:, None] - columns[None, :] + mean
    noise = float((rest**2).sum()) / ((runs - 1) * (seeds - 1))
    total = max(over_runs + over_seeds - noise, over_runs, over_seeds)
    if total <= 1e-24:
        return Crossed(mean, mean, mean, 0.0 if mean else 1.0, 0.0, float(runs - 1))
    spread = over_runs**2 / (runs - 1) + over_seeds**2 / (seeds - 1)
    df = max(total**2 / (spread + noise**2 / ((runs - 1) * (seeds - 1))), 1.0)
    error = float(np.sqrt(total / (runs * seeds)))
    half = float(t_half_width(error, df, confidence=confidence))
    p = float(2 * stats.t.sf(abs(mean) / error, df))
    return Crossed(mean, mean - half, mean + half, p, error, df)
