"""What a learner sees of a table; all that is fitted is fitted on the training split alone."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.tasks.base import Floats, Labels
from bench.tasks.tabular.columns import Column, Columns

MAX_DEVIATIONS = 1e6
"""Values farther from the mean of the training split are set to so many deviations from it."""


class Scale(NamedTuple):
    """How a column of numbers is read: exactly by 2 ** -exponent, so that no square of a value
    overflows or vanishes; then what a missing one becomes, and the mean and the deviation."""

    exponent: int
    fill: float
    mean: float
    deviation: float


class Encoding:
    """The encoding of a table, fitted on some of its rows.

    Numbers: the median in place of a missing value, then mean 0 and deviation 1. Categories: one
    input for each level. A column with missing values has one more input, 1 where one is missing.
    """

    def __init__(self, columns: Columns, rows: Labels) -> None:
        self.columns = columns
        self.scales = [_scale(column, rows) for column in columns.table]

    def __call__(self, rows: Labels) -> NDArray[np.float32]:
        """Some rows [N, D]."""
        x = np.zeros((len(rows), self.columns.features), np.float32)
        at = 0
        for column, scale in zip(self.columns.table, self.scales, strict=True):
            part = x[:, at : at + column.inputs]
            at += column.inputs
            if column.numbers is not None and scale is not None:
                values = _scaled(column.numbers[rows], scale.exponent)
                gap = np.isnan(values)
                z = (np.where(gap, scale.fill, values) - scale.mean) / scale.deviation
                part[:, 0] = np.clip(z, -MAX_DEVIATIONS, MAX_DEVIATIONS)
            elif column.codes is not None:
                codes = column.codes[rows]
                gap = codes < 0
                known = np.flatnonzero(~gap)
                part[known, codes[known]] = 1
            if column.missing:
                part[:, -1] = gap
        return x


def _scale(column: Column, rows: Labels) -> Scale | None:
    if column.numbers is None:
        return None
    exponent = int(np.frexp(np.nanmax(np.abs(column.numbers)))[1])
    values = _scaled(column.numbers[rows], exponent)
    known = values[~np.isnan(values)]
    # A column may be empty in a small training split; it is kept, so that all have the same form.
    fill = float(np.median(known)) if len(known) else 0.0
    filled = np.where(np.isnan(values), fill, values)
    mean, deviation = float(filled.mean()), float(filled.std())
    if deviation <= 10 * np.finfo(np.float64).eps * abs(mean):
        with np.errstate(over="ignore"):  # of a column of tiny numbers, which stay near 0
            deviation = float(np.ldexp(1.0, -exponent))  # differences as they were
    return Scale(exponent, fill, mean, deviation)


def _scaled(values: Floats, exponent: int) -> Floats:
    scaled: Floats = np.ldexp(values, -exponent)
    return scaled
