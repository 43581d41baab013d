"""Ranks of several losses over blocks (tasks, or the seeds of one task).

`scores` has shape (blocks, losses); a higher score is better.
"""

from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from reports.stats import paired
from reports.stats.multiple import holm
from reports.stats.types import Vector


class Friedman(NamedTuple):
    """Friedman's test with the less conservative F of Iman and Davenport (1980)."""

    chi2: float
    p: float
    f: float
    p_f: float


def mean_ranks(scores: ArrayLike) -> Vector:
    """Mean rank of each column; rank 1 is the highest score."""
    return np.asarray(stats.rankdata(-np.asarray(scores, dtype=float), axis=1).mean(axis=0))


def friedman(scores: ArrayLike) -> Friedman:
    """Do the columns (three or more) differ? Equal columns give p = 1."""
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


def nemenyi(scores: ArrayLike) -> Vector:
    """p-values of all pairs (losses, losses) after Nemenyi (Demsar 2006), 1 on the diagonal.

    Computed by scikit-posthocs.
    """
    import scikit_posthocs  # seconds to import

    p = scikit_posthocs.posthoc_nemenyi_friedman(np.asarray(scores, dtype=float))
    matrix = np.asarray(p, dtype=float).copy()
    np.fill_diagonal(matrix, 1.0)  # the library marks it with -1 or 1
    return np.asarray(np.clip(matrix, 0.0, 1.0))


def sign_flip_pairs(scores: ArrayLike) -> Vector:
    """Holm-adjusted sign-flip p-values of all pairs (losses, losses), 1 on the diagonal.

    The test of the primary comparisons, so that a page has one notion of being separated.
    """
    values = np.asarray(scores, dtype=float)
    pairs = list(combinations(range(values.shape[1]), 2))
    p = holm([paired.sign_flip(paired.differences(values[:, a], values[:, b])).p for a, b in pairs])
    matrix = np.eye(values.shape[1])
    for (a, b), adjusted in zip(pairs, p, strict=True):
        matrix[a, b] = matrix[b, a] = adjusted
    return matrix
