"""Corrections for many tests."""

import numpy as np
from numpy.typing import ArrayLike

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
