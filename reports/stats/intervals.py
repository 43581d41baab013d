"""Intervals of means after Student's t."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from reports.stats.types import Vector


class Band(NamedTuple):
    """Number of values, mean and confidence limits of each column, shape (columns,) each."""

    n: NDArray[np.intp]
    mean: Vector
    low: Vector
    high: Vector


def t_half_width(error: ArrayLike, df: ArrayLike, *, confidence: float = 0.95) -> Vector:
    """Half the width of two-sided t intervals, from standard errors and degrees of freedom >= 1.

    Both of one shape, which is that of the result.
    """
    quantile = special.stdtrit(np.asarray(df, dtype=float), (1 + confidence) / 2)
    return np.asarray(quantile * np.asarray(error, dtype=float))


def column_intervals(values: ArrayLike, *, confidence: float = 0.95) -> Band:
    """The mean of each column of `values` (rows, columns) with its t interval.

    NaN is an absent value; every column needs one that is present, and the limits of a column
    with only one are NaN.
    """
    columns = np.asarray(values, dtype=float)
    n = np.isfinite(columns).sum(axis=0)
    mean = np.nanmean(columns, axis=0)
    squares = np.nansum((columns - mean) ** 2, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(np.where(n > 1, squares / (n - 1), np.nan) / n)
    half = t_half_width(error, np.maximum(n - 1, 1), confidence=confidence)
    return Band(n, mean, mean - half, mean + half)
