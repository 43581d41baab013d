"""What the statistics take and return."""

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Vector: TypeAlias = NDArray[np.float64]


class Significance(NamedTuple):
    """A two-sided test: its statistic, its p-value, and whether p is exact."""

    statistic: float
    p: float
    exact: bool


class Interval(NamedTuple):
    """An estimate with its confidence limits."""

    estimate: float
    low: float
    high: float
