"""Corrections for many tests."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from reports.stats.types import Vector


def holm(p: ArrayLike) -> Vector:
    """p-values adjusted by Holm (1979), which bounds the chance of any false finding.

    statsmodels' multipletests gives the same, but collects garbage in every call.
    """
    values = np.asarray(p, dtype=float)
    order = np.argsort(values, kind="stable")
    stepped = np.maximum.accumulate(np.arange(values.size, 0, -1) * values[order])
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def benjamini_hochberg(p: ArrayLike) -> Vector:
    """p-values adjusted by Benjamini and Hochberg (1995), which bounds the share of false ones."""
    return np.asarray(stats.false_discovery_control(np.asarray(p, dtype=np.float64)))
