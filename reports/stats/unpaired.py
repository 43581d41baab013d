"""Effect sizes of two independent samples. No paired comparison uses them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats


class Dominance(NamedTuple):
    """A12 (Vargha and Delaney 2000) in [0, 1], and Cliff's delta = 2 A12 - 1 (Cliff 1993)."""

    a12: float
    cliff: float


def dominance(a: ArrayLike, b: ArrayLike) -> Dominance:
    """P(a value of `a` exceeds one of `b`), half for ties; vectors of any lengths >= 1."""
    x, y = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    a12 = float(stats.mannwhitneyu(x, y, method="asymptotic").statistic) / (x.size * y.size)
    return Dominance(a12, 2 * a12 - 1)
