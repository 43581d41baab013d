"""A mean over runs and seeds that are both drawn: two crossed random factors."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from reports.stats.equivalence import equivalence_of_mean, least_sd
from reports.stats.intervals import t_half_width


class Crossed(NamedTuple):
    """A grand mean with its t interval and two-sided p, its standard error and its df.

    seeds, resolution: as given to `crossed`.
    """

    estimate: float
    low: float
    high: float
    p: float
    error: float
    df: float
    seeds: int = 1
    resolution: float | None = None

    def equivalence(self, rope: float) -> float:
        """p of the two one-sided t tests that |mean| < rope.

        All runs may differ from the one baseline in the same examples, so that more runs do not
        make the least spread smaller (reports.stats.equivalence).
        """
        return equivalence_of_mean(
            self.estimate, self.error, self.df, rope, self.resolution, self.seeds
        )


def crossed(
    gains: ArrayLike, *, confidence: float = 0.95, resolution: float | None = None
) -> Crossed:
    """The mean of `gains` (runs, seeds) as one draw of both runs and seeds.

    All runs are compared with the same baseline on the same seeds, so that a test over runs alone
    takes a baseline's bad luck for a gain of the method. The variance of the mean is estimated as
    (MS_runs + MS_seeds - MS_rest) / (runs seeds), at least the larger of its parts, with
    Satterthwaite's degrees of freedom (quasi-F: Clark 1973). NaN below two runs or seeds.
    resolution: the step between two scores of one run and seed, which bounds the error from below.
    """
    values = np.asarray(gains, dtype=float)
    runs, seeds = values.shape
    mean = float(values.mean())
    if runs < 2 or seeds < 2:
        nan = float("nan")
        return Crossed(mean, nan, nan, nan, nan, nan, seeds, resolution)
    rows, columns = values.mean(axis=1), values.mean(axis=0)
    over_runs = seeds * float(((rows - mean) ** 2).sum()) / (runs - 1)
    over_seeds = runs * float(((columns - mean) ** 2).sum()) / (seeds - 1)
    rest = values - rows[:, None] - columns[None, :] + mean
    noise = float((rest**2).sum()) / ((runs - 1) * (seeds - 1))
    total = max(over_runs + over_seeds - noise, over_runs, over_seeds)
    least = least_sd(resolution) / float(np.sqrt(seeds))
    if total <= 1e-24:
        if not least:
            p = 0.0 if mean else 1.0
            return Crossed(mean, mean, mean, p, 0.0, float(runs - 1), seeds, resolution)
        return _around(mean, least, float(runs - 1), confidence, seeds, resolution)
    spread = over_runs**2 / (runs - 1) + over_seeds**2 / (seeds - 1)
    df = max(total**2 / (spread + noise**2 / ((runs - 1) * (seeds - 1))), 1.0)
    error = max(float(np.sqrt(total / (runs * seeds))), least)
    return _around(mean, error, df, confidence, seeds, resolution)


def _around(
    mean: float, error: float, df: float, confidence: float, seeds: int, resolution: float | None
) -> Crossed:
    half = float(t_half_width(error, df, confidence=confidence))
    p = float(2 * stats.t.sf(abs(mean) / error, df))
    return Crossed(mean, mean - half, mean + half, p, error, df, seeds, resolution)
