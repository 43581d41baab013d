"""The interval that the command line prints beside a mean; a report computes its own."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import t as student

CONFIDENCE = 0.95


def mean_and_half_width(values: Sequence[float]) -> tuple[float | None, float | None]:
    """The mean and half of its 95 % t interval (Student 1908); None where there are too few."""
    count = len(values)
    if not count:
        return None, None
    if count == 1:
        return float(values[0]), None
    error = float(np.std(values, ddof=1)) / count**0.5
    return float(np.mean(values)), float(student.ppf((1 + CONFIDENCE) / 2, count - 1)) * error
