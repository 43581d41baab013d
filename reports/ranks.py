"""Statistics of several losses over several tasks: matrices in, named tuples out."""

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from reports.stats import Interval

Array: TypeAlias = NDArray[np.float64]


class Friedman(NamedTuple):
    """Friedman's test with the less conservative F of Iman and Davenport (1980)."""

    chi2: float
    p: float
    f: float
    p_f: float


def mean_ranks(scores: ArrayLike) -> Array:
    """Mean rank of each column of `scores` (blocks, losses); rank 1 is the highest score."""
    return np.asarray(stats.rankdata(-np.asarray(scores, dtype=float), axis=1).mean(axis=0))


def friedman(scores: ArrayLike) -> Friedman:
    """Do the columns of `scores` (blocks, losses >= 3) differ? Equal columns give p = 1."""
    values = np.asarray(scores, dtype=float)
    blocks, k = values.shape
    ranks = stats.rankdata(values, axis=1)
    if np.ptp(ranks) == 0:
        return Friedman(0.0, 1.0, 0.0, 1.0)
    result = stats.friedmanchisquare(*values.T)
    chi2 = float(result.statistic)
    rest = blocks * (k - 1) - chi2
    if rest <= 1e-9:  # every block ranks alike: F is infinite
        return Friedman(chi2, float(result.pvalue), float("inf"), 0.0)
    f = (blocks - 1) * chi2 / rest
    return Friedman(
        chi2, float(result.pvalue), f, float(stats.f.sf(f, k - 1, (k - 1) * (blocks - 1)))
    )


def critical_difference(losses: int, blocks: int, *, alpha: float = 0.05) -> float:
    """Nemenyi's critical difference of mean ranks (Demsar 2006, section 3.2.2)."""
    q = float(stats.studentized_range.ppf(1 - alpha, losses, np.inf)) / np.sqrt(2)
    return float(q * np.sqrt(losses * (losses + 1) / (6 * blocks)))


def iqm(scores: ArrayLike) -> float:
    """Interquartile mean of all values (Agarwal et al. 2021)."""
    return float(stats.trim_mean(np.asarray(scores, dtype=float), 0.25, axis=None))


def improvement(candidate: ArrayLike, baseline: ArrayLike) -> float:
    """P(a run of the candidate beats one of the baseline on the same task), mean over tasks.

    Both have shape (seeds, tasks). Unpaired, half for ties (Agarwal et al. 2021, section 4.3).
    """
    a, b = np.asarray(candidate, dtype=float), np.asarray(baseline, dtype=float)
    wins = np.sign(a[:, None, :] - b[None, :, :])
    return float(((wins + 1) / 2).mean())


def random_effects(
    effects: ArrayLike, variances: ArrayLike, *, confidence: float = 0.95
) -> Interval:
    """Mean effect over a population of tasks, from one estimate and its variance per task.

    Random effects with the between-task variance of Paule and Mandel (1982) and a t interval.
    NaN for fewer than two tasks or an estimate without spread.
    """
    from statsmodels.stats.meta_analysis import combine_effects  # a second to import

    y, v = np.asarray(effects, dtype=float), np.asarray(variances, dtype=float)
    if y.size < 2 or not (v > 0).all():
        return Interval(float("nan"), float("nan"), float("nan"))
    with np.errstate(divide="ignore", invalid="ignore"):  # its I^2 of equal effects is 0 / 0
        result = combine_effects(y, v, method_re="iterated", use_t=True)
        low, high = result.conf_int(alpha=1 - confidence, use_t=True)[1]
    return Interval(float(result.mean_effect_re), float(low), float(high))


def resamples(tasks: int, seeds: int, *, count: int = 2000, seed: int = 0) -> NDArray[np.int64]:
    """Seed indices of shape (count, tasks, seeds), drawn within each task.

    Use the same ones for every loss: that keeps the pairing and the strata.
    """
    return np.random.default_rng(seed).integers(0, seeds, size=(count, tasks, seeds))


def iqm_interval(scores: Array, indices: NDArray[np.int64]) -> Interval:
    """IQM of `scores` (tasks, seeds) with its stratified 95 % percentile bootstrap interval."""
    draws = _iqms(scores, indices)
    return Interval(iqm(scores), *np.quantile(draws, (0.025, 0.975)).tolist())


def iqm_difference(candidate: Array, baseline: Array, indices: NDArray[np.int64]) -> Interval:
    """Difference of two IQMs with its stratified, seed-paired 95 % bootstrap interval.

    Both have shape (tasks, seeds) with seeds in the same order.
    """
    draws = _iqms(candidate, indices) - _iqms(baseline, indices)
    estimate = iqm(candidate) - iqm(baseline)
    return Interval(estimate, *np.quantile(draws, (0.025, 0.975)).tolist())


def _iqms(scores: Array, indices: NDArray[np.int64]) -> Array:
    drawn = np.take_along_axis(scores[None], indices, axis=2).reshape(len(indices), -1)
    return np.asarray(stats.trim_mean(drawn, 0.25, axis=1))
