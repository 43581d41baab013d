"""Many tasks as one: interquartile means, chances of improvement, profiles, random effects.

After Agarwal et al. (2021). `scores` has shape (tasks, seeds). The bootstrap draws seeds within
each task, the same ones for every loss, which keeps the strata and the pairs: `resamples` returns
how often each run is drawn, and everything else is a weighted sum.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from reports.stats.types import Interval, Vector

Weights = NDArray[np.uint16]

MAX_PAIRS = 50_000_000
"""Pairs of runs in all resamples of `improvement_interval`, which then uses fewer resamples."""

CHUNK = 200
"""Resamples that are held as floats at a time."""


def iqm(scores: ArrayLike) -> float:
    """Interquartile mean of all values, of any shape."""
    return float(stats.trim_mean(np.asarray(scores, dtype=float), 0.25, axis=None))


def improvement(candidate: ArrayLike, baseline: ArrayLike) -> float:
    """P(a run of the candidate beats one of the baseline on the same task), mean over tasks.

    Both have shape (seeds, tasks). Unpaired, half for ties (section 4.3).
    """
    a, b = np.asarray(candidate, dtype=float), np.asarray(baseline, dtype=float)
    return float(np.mean([_wins(x, y).mean() for x, y in zip(a.T, b.T, strict=True)]))


def resamples(tasks: int, seeds: int, *, count: int = 2000, seed: int = 0) -> Weights:
    """How often each run is drawn: shape (count, tasks, seeds), summing to `seeds` per task.

    Deterministic in all four numbers.
    """
    rng = np.random.default_rng(seed)
    return rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=(count, tasks)).astype(np.uint16)


def iqm_draws(scores: ArrayLike, weights: Weights) -> Vector:
    """The IQM of every resample, shape (count,), of `scores` (tasks, seeds)."""
    values = np.asarray(scores, dtype=float).ravel()
    order = np.argsort(values, kind="stable")
    cut = int(0.25 * values.size)
    draws = []
    for chunk in _chunks(weights):
        drawn = np.cumsum(chunk.reshape(len(chunk), -1)[:, order], axis=1, dtype=np.float64)
        kept = np.diff(np.clip(drawn, cut, values.size - cut), prepend=cut, axis=1)
        draws.append(kept @ values[order] / (values.size - 2 * cut))
    return np.concatenate(draws)


def percentile_interval(estimate: float, draws: Vector, *, confidence: float = 0.95) -> Interval:
    """An estimate with the percentile interval of its bootstrap draws, shape (count,)."""
    low, high = np.quantile(draws, ((1 - confidence) / 2, (1 + confidence) / 2))
    return Interval(estimate, float(low), float(high))


def improvement_interval(
    candidate: ArrayLike, baseline: ArrayLike, weights: Weights, *, confidence: float = 0.95
) -> Interval:
    """P(improvement) of two (tasks, seeds) with its stratified, seed-paired bootstrap interval.

    A seed that is drawn twice is not compared with its own copy: such pairs would enter too
    often, and where seeds are paired they are unlike the others.
    """
    a, b = np.asarray(candidate, dtype=float), np.asarray(baseline, dtype=float)
    tasks, seeds = a.shape
    weights = weights[: max(200, MAX_PAIRS // (tasks * seeds**2))]
    draws = np.zeros(len(weights))
    for task in range(tasks):
        drawn, wins = weights[:, task].astype(np.float32), _wins(a[task], b[task])
        own = np.diag(wins).copy()
        np.fill_diagonal(wins, 0.0)
        pairs = seeds**2 - np.einsum("ij,ij->i", drawn, drawn)  # of different seeds, as drawn
        share = np.einsum("ij,ij->i", drawn @ wins.astype(np.float32), drawn)
        share = share / np.maximum(pairs, 1)
        draws += ((1 - 1 / seeds) * share + drawn @ own / seeds**2) / tasks
    return percentile_interval(improvement(a.T, b.T), draws, confidence=confidence)


def profile(
    scores: ArrayLike, thresholds: Vector, weights: Weights, *, confidence: float = 0.95
) -> tuple[Vector, Vector, Vector]:
    """Share of runs above each threshold, with the limits of its pointwise bootstrap band.

    Agarwal et al. (2021), section 4.2. Three vectors of the shape of `thresholds`.
    """
    values = np.asarray(scores, dtype=float).ravel()
    above = (values[:, None] > thresholds[None, :]).astype(float)
    draws = np.concatenate(
        [chunk.reshape(len(chunk), -1).astype(float) @ above for chunk in _chunks(weights)]
    )
    tails = (1 - confidence) / 2, (1 + confidence) / 2
    low, high = np.quantile(draws / values.size, tails, axis=0)
    return above.mean(axis=0), low, high


def random_effects(
    effects: ArrayLike, variances: ArrayLike, *, confidence: float = 0.95
) -> Interval:
    """Mean effect over a population of tasks, from one estimate and its variance per task.

    Random effects with the between-task variance of Paule and Mandel (1982) and a t interval, by
    statsmodels' combine_effects. NaN for fewer than two tasks or an estimate without spread.
    """
    y, v = np.asarray(effects, dtype=float), np.asarray(variances, dtype=float)
    if y.size < 2 or not (v > 0).all():
        return Interval(float("nan"), float("nan"), float("nan"))
    result = _combined(y, v)
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = result.conf_int(alpha=1 - confidence, use_t=True)[1]
    return Interval(float(result.mean_effect_re), float(low), float(high))


def _combined(effects: Vector, variances: Vector) -> Any:
    from statsmodels.stats.meta_analysis import combine_effects  # a second to import

    with np.errstate(divide="ignore", invalid="ignore"):  # its I^2 of equal effects is 0 / 0
        return combine_effects(effects, variances, method_re="iterated", use_t=True)


def _wins(a: Vector, b: Vector) -> Vector:
    """1, 1/2 or 0 for every pair of runs, shape (runs of a, runs of b)."""
    return np.asarray((np.sign(a[:, None] - b[None, :]) + 1) / 2)


def _chunks(weights: Weights) -> list[Weights]:
    return [weights[start : start + CHUNK] for start in range(0, len(weights), CHUNK)]
