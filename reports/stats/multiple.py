"""Corrections for many tests."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from statsmodels.stats.multitest import multipletests

from reports.stats.types import Vector


def holm(p: ArrayLike) -> Vector:
    """p-values adjusted by Holm (1979), which bounds the chance of any false finding."""
    values = np.asarray(p, dtype=float)
    if values.size == 0:
        return values
    return np.asarray(multipletests(values, method="holm")[1], dtype=float)


def benjamini_hochberg(p: ArrayLike) -> Vector:
    """p-values adjusted by Benjamini and Hochberg (1995), which bounds the share of false ones."""
    return np.asarray(stats.false_discovery_control(np.asarray(p, dtype=np.float64)))
