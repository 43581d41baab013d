"""Statistics of one paired comparison: tests, intervals, effect sizes.

Every function takes differences of shape (n,), one per seed. Floating-point noise in them is
rounded away first (`differences`), because tests of signs and ranks turn on ties. Results depend
neither on the order of the seeds nor, except for its sign, on which loss comes first. All raise
ValueError for anything but a vector with at least one value.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from reports.stats.intervals import t_half_width
from reports.stats.types import Interval, Significance, Vector

TIE = 1e-5
"""Of the sum of all magnitudes: what scores in single precision may differ by where they are equal.
Taken for different, such sums make p too small."""

EXACT_UP_TO = 24
"""Differences whose sign patterns are enumerated; above that only lattices are exact."""

CELLS = 2**16
"""Cells of the lattice on which the sums of more differences are approximated."""

FLOAT32_NOISE = 2.0**-22
"""Relative to the scores; scores are stored from single precision."""


def differences(candidate: ArrayLike, baseline: ArrayLike) -> Vector:
    """Candidate minus baseline per seed, sorted, without floating-point noise.

    Tests of signs and ranks turn on ties, which noise would break: accuracies are counts over a
    test set, so that their differences are multiples of one unit, and are rounded to it; other
    differences that the noise of single precision cannot tell apart become equal. Raises
    ValueError unless both are vectors of one length with finite values.
    """
    a, b = np.asarray(candidate, dtype=float), np.asarray(baseline, dtype=float)
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"paired values need two vectors of one length: {a.shape}, {b.shape}")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("paired values must be finite")
    d = a - b
    sizes = np.abs(d)
    noise = FLOAT32_NOISE * float(max(np.abs(a).max(initial=0), np.abs(b).max(initial=0)))
    sizes[sizes <= noise] = 0.0
    unit = _unit(sizes)
    if unit is not None and noise < unit / 50:
        sizes = np.round(np.rint(sizes / unit) * unit, 12)
    else:
        sizes = _fused(sizes, noise)
    return np.asarray(np.sort(np.copysign(sizes, d)) + 0.0)  # + 0.0 turns -0.0 into 0.0


def _unit(sizes: Vector) -> float | None:
    """The largest number of which all of `sizes` are multiples within 1 %; None if there is none.

    A smallest gap is at most 40 units; no size is above 10,000.
    """
    values = np.unique(np.concatenate([[0.0], sizes]))
    gaps = np.diff(values)
    gaps = gaps[gaps > 1e-3 * float(values[-1]) / 10] if gaps.size else gaps
    if gaps.size == 0:
        return None
    for part in range(1, 41):
        unit = float(gaps.min()) / part
        counts = values / unit
        if counts[-1] > 10_000:
            return None
        if (np.abs(counts - np.rint(counts)) <= 0.01).all():
            return float(values[-1] / np.rint(counts[-1]))
    return None


def _fused(sizes: Vector, noise: float) -> Vector:
    """Sizes that follow one another within `noise` replaced by their mean."""
    order = np.argsort(sizes, kind="stable")
    starts = np.diff(sizes[order], prepend=-np.inf) > noise
    group = np.cumsum(starts) - 1
    means = np.bincount(group, sizes[order]) / np.bincount(group)
    fused = np.empty_like(sizes)
    fused[order] = means[group]
    return fused


RESAMPLED_AT_ONCE = 64
"""Resamples of all comparisons that are held at a time; which are drawn depends on it."""


def sign_flip(d: ArrayLike) -> Significance:
    """Two-sided permutation test of a zero mean: every difference may change its sign.

    Exact up to 24 differences: the sums of all sign patterns of two halves are sorted and
    counted against each other (Horowitz and Sahni 1974), which takes 2^(n/2) steps instead of
    2^n. Above that the distribution of the sum is built up difference by difference on a lattice
    (Pagano and Tritchler 1983): exact where the differences are multiples of one unit, as those
    of accuracies are, else on one of 65,536 cells, whose error is below that of 99,999 resamples.
    Differences that are all zero give p = 1. Sums that differ by less than TIE count as equal.
    """
    values = _vector(d)
    # Zeros change no sum; neither the order nor the sign of all may matter.
    magnitudes = np.sort(np.abs(values[values != 0]))
    mean = float(values.mean())
    observed = abs(float(np.sort(values).sum()))
    if magnitudes.size == 0 or observed <= TIE * float(magnitudes.sum()):
        return Significance(mean, 1.0, True)
    if magnitudes.size > EXACT_UP_TO:
        return _on_a_lattice(values, mean)
    threshold = observed - TIE * float(magnitudes.sum())
    first, second = _signed_sums(magnitudes[::2]), np.sort(_signed_sums(magnitudes[1::2]))
    above = second.size - np.searchsorted(second, threshold - first, side="left")
    return Significance(mean, min(1.0, 2.0 * float(above.sum()) / 2.0**magnitudes.size), True)


def _signed_sums(magnitudes: Vector) -> Vector:
    sums = np.zeros(1)
    for value in magnitudes:
        sums = np.concatenate([sums - value, sums + value])
    return sums


def _on_a_lattice(values: Vector, mean: float, unit: float | None = None) -> Significance:
    """`sign_flip` by convolution; the observed sum is taken in units, too."""
    if not values.any():
        return Significance(mean, 1.0, True)
    unit = unit or _unit(np.abs(values))
    exact = unit is not None
    if unit is None:
        unit = float(np.abs(values).sum()) / CELLS
    signed = np.rint(values / unit).astype(np.int64)
    observed = abs(int(signed.sum()))
    if observed == 0:
        return Significance(mean, 1.0, exact)
    magnitudes = np.sort(np.abs(signed[signed != 0]))
    total = int(magnitudes.sum())
    share = np.zeros(total + 1)  # of the sign patterns, by the sum of the positive differences
    share[0] = 1.0
    top = 0
    for size in magnitudes.tolist():
        half = share[: top + 1] / 2
        share[: top + 1] = half
        share[size : top + size + 1] += half
        top += size
    above = float(share[-(-(total + observed) // 2) :].sum())
    return Significance(mean, min(1.0, 2.0 * above), exact)


def wilcoxon(d: ArrayLike) -> Significance:
    """Wilcoxon's signed-rank test, zeros split (Pratt's ranks); the statistic is the smaller sum.

    Given the ranks it is a sign-flip test of signed ranks, hence exact with ties too.
    """
    values = _vector(d)
    ranks = stats.rankdata(np.abs(values))
    signed = np.sign(values) * ranks
    zeros = float(ranks[values == 0].sum()) / 2
    smaller = min(float(ranks[values > 0].sum()), float(ranks[values < 0].sum())) + zeros
    return Significance(smaller, *_on_a_lattice(signed, 0.0, 0.5)[1:])


def mean_interval(d: ArrayLike, *, confidence: float = 0.95, least: float = 0.0) -> Interval:
    """The mean difference with its t interval.

    least: what the SD is taken for at least. Without it constant differences give an interval of
    width 0.
    """
    values = _vector(d)
    mean, error = float(values.mean()), max(sd(values), least) / np.sqrt(values.size)
    if values.size < 2:
        return Interval(mean, float("nan"), float("nan"))
    half = float(t_half_width(error, values.size - 1, confidence=confidence))
    return Interval(mean, mean - half, mean + half)


def bootstrap_intervals(
    rows: Sequence[ArrayLike], *, confidence: float = 0.95, seed: int = 0
) -> list[Interval]:
    """Mean differences of comparisons of one size, with BCa bootstrap intervals (9,999 resamples).

    Drawn once for all, but none depends on the others: each is resampled at the same places.
    Constant differences, where BCa is undefined, give an interval of width 0.
    """
    values = np.stack([np.sort(_vector(row)) for row in rows])
    means = values.mean(axis=1)
    low, high = means.copy(), means.copy()
    varied = np.array([sd(row) > 0 for row in values])
    if varied.any():
        drawn = values[varied]
        # A row alone would lie otherwise in memory, and its sums round otherwise.
        drawn_limits = stats.bootstrap(
            (np.repeat(drawn, 2, axis=0) if len(drawn) == 1 else drawn,),
            np.mean,
            axis=-1,
            confidence_level=confidence,
            method="BCa",
            batch=RESAMPLED_AT_ONCE,
            rng=np.random.default_rng(seed),
        ).confidence_interval
        low[varied] = np.asarray(drawn_limits.low)[: len(drawn)]
        high[varied] = np.asarray(drawn_limits.high)[: len(drawn)]
    return [Interval(*map(float, limits)) for limits in zip(means, low, high, strict=True)]


def hodges_lehmann(d: ArrayLike, *, confidence: float = 0.95) -> Interval:
    """Median of the Walsh averages, with the exact interval that inverts the signed-rank test.

    The limits are infinite where n is too small for the confidence (Hollander and Wolfe 1999,
    section 3.3).
    """
    values = _vector(d)
    rows, columns = np.triu_indices(values.size)
    walsh = np.sort((values[rows] + values[columns]) / 2)
    estimate = float(np.median(walsh))
    below = np.cumsum(_signed_rank_distribution(values.size)) <= (1 - confidence) / 2
    skipped = int(below.sum())
    if skipped == 0:
        return Interval(estimate, float("-inf"), float("inf"))
    return Interval(estimate, float(walsh[skipped]), float(walsh[-skipped - 1]))


@lru_cache
def _signed_rank_distribution(n: int) -> Vector:
    """P(W+ = w) for w = 0 .. n(n+1)/2 without ties."""
    share = np.ones(1)
    for rank in range(1, n + 1):
        shifted = np.concatenate([np.zeros(rank), share])
        share = (np.concatenate([share, np.zeros(rank)]) + shifted) / 2
    return share


def superiority(d: ArrayLike) -> float:
    """Paired P(A > B): share of positive differences plus half the share of zeros."""
    values = _vector(d)
    return float((values > 0).mean() + (values == 0).mean() / 2)


def sd(d: ArrayLike) -> float:
    """Sample SD; 0 where the spread is rounding noise or there is one value."""
    values = _vector(d)
    if values.size < 2 or float(np.ptp(values)) <= 1e-12 * float(np.abs(values).max()):
        return 0.0
    return float(values.std(ddof=1))


def d_z(d: ArrayLike) -> float:
    """Cohen's d_z, mean over SD of the differences; 0 if all are zero, infinite if constant."""
    values = _vector(d)
    mean, spread = float(values.mean()), sd(values)
    if spread > 0:
        return mean / spread
    return float(np.sign(mean)) * float("inf") if mean else 0.0


def rank_biserial(d: ArrayLike) -> float:
    """Matched-pairs rank-biserial correlation (Kerby 2014), in [-1, 1]; 0 if all are zero."""
    values = _vector(d)
    values = values[values != 0]
    if values.size == 0:
        return 0.0
    ranks = stats.rankdata(np.abs(values))
    return float((np.sign(values) * ranks).sum() / ranks.sum())


def _vector(d: ArrayLike) -> Vector:
    values = np.asarray(d, dtype=float)
    if values.ndim != 1 or values.size == 0:
        raise ValueError(f"differences must be a vector with at least one value: {values.shape}")
    return values
