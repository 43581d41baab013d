"""Columns that a learner could cheat with, or learn nothing from: what is warned of, by name."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from bench.tasks.base import Labels
from bench.tasks.tabular.columns import Column, Columns
from bench.tasks.tabular.raw import shown, term

NEARLY_UNIQUE = 0.95
"""Share of different values from which whole numbers are taken for an index."""
MANY_LEVELS = 0.5
"""Share of different words from which a column is taken for names."""
MAX_ERRORS = 0.01
"""Share of rows that a column may leave undecided and still be said to determine the label."""
MAX_SHARE_OF_ERRORS = 0.1
"""The same, of what the most frequent label leaves."""
MAX_LOOKED_AT = 5000
"""Rows by which a column is judged."""
MAX_THRESHOLDS = 20
NINES = frozenset(sign * (10.0**digits - 1) for sign in (1, -1) for digits in range(2, 10))
"""Numbers that often stand for a missing one: 99, -999, ..."""
MIN_SENTINELS = 2
"""Rows in which such a number has to stand."""


def suspects(columns: Columns) -> Iterator[str]:
    """Sentences about columns that are constant, names, an index, or that give the label away."""
    for column in columns.table:
        odd = _constant(column) or _identifier(column)
        if odd:
            yield odd
        yield from _sentinels(column)
        if not odd or "the same value" not in odd:
            yield from _determines(column, columns)


def _present(column: Column) -> "NDArray[np.float64]":
    """The values that are there, categories by number."""
    values = column.numbers if column.numbers is not None else column.codes
    assert values is not None
    there = ~np.isnan(values) if column.numbers is not None else values >= 0
    return np.asarray(values[there], np.float64)


def _constant(column: Column) -> str:
    values = _present(column)
    if column.missing or len(np.unique(values)) > 1:
        return ""
    word = column.levels[0] if column.levels else f"{values[0]:g}"
    return f"column {shown(column.name)} has the same value in every row, {shown(word)}"


def _identifier(column: Column) -> str:
    """Names and row numbers: a learner can only memorise them, or read the order of the file."""
    values = _present(column)
    total, distinct = len(values), len(np.unique(values))
    what = f"column {shown(column.name)}"
    advice = f"leave it out with {term('without', column.name)} if it is no property of an example"
    if column.levels:
        if distinct <= MANY_LEVELS * total:
            return ""
        return f"{what} is nearly unique: {distinct:,} different words in {total:,} rows; {advice}"
    if distinct < NEARLY_UNIQUE * total or total < 3:
        return ""
    steps = np.diff(values)
    if bool((steps > 0).all() or (steps < 0).all()):
        return f"{what} is an index: it {_direction(steps)} from row to row; {advice}"
    if bool((values % 1 == 0).all()):
        text = f"{what} is nearly unique: {distinct:,} different whole numbers in {total:,} rows"
        return f"{text}, as an index or an identifier has; {advice}"
    return ""


def _direction(steps: "NDArray[np.float64]") -> str:
    return "rises" if steps[0] > 0 else "falls"


def _sentinels(column: Column) -> Iterator[str]:
    """Nines at one end of a column, farther from the other values than these are apart."""
    if column.numbers is None:
        return
    values, counts = np.unique(_present(column), return_counts=True)
    if len(values) <= 2:
        return
    for end, others in ((0, values[1:]), (-1, values[:-1])):
        value, count = values[end], counts[end]
        gap = np.abs(others - value).min()
        if value in NINES and count >= MIN_SENTINELS and gap > others[-1] - others[0]:
            yield (
                f"column {shown(column.name)} holds {value:g} in {count:,} rows, far from all "
                f"others; if that means a missing value, add {term('missing', f'{value:g}')}, as "
                "the file writes it"
            )


def _determines(column: Column, columns: Columns) -> Iterator[str]:
    """A column that alone gives the label of nearly every row."""
    total = len(columns.y)
    rows = np.arange(total)
    if total > MAX_LOOKED_AT:
        rows = np.random.default_rng(0).permutation(total)[:MAX_LOOKED_AT]
    y = columns.y[rows]
    most = np.bincount(y).max()
    right = _right(column, rows, y)
    wrong = len(y) - right
    if wrong <= MAX_ERRORS * len(y) and wrong <= MAX_SHARE_OF_ERRORS * (len(y) - most):
        share = "every row" if not wrong else f"{right / len(y):.1%} of the rows"
        yield (
            f"column {shown(column.name)} determines the label: it alone gives it in {share}; "
            f"leave it out with {term('without', column.name)} if it was not known beforehand"
        )


def _right(column: Column, rows: Labels, y: Labels) -> int:
    """Rows whose label follows from a rule of one column: the most frequent label of each word,
    or of each stretch between a few thresholds."""
    if column.codes is not None:
        codes = column.codes[rows] + 1
        if len(np.unique(codes)) > MANY_LEVELS * len(y):
            return 0  # every row has a word of its own: that says nothing
        table = np.zeros((int(codes.max()) + 1, int(y.max()) + 1), np.int64)
        np.add.at(table, (codes, y), 1)
        return int(table.max(axis=1).sum())
    from sklearn.tree import DecisionTreeClassifier

    assert column.numbers is not None
    classes = len(np.unique(y))
    if classes < 2:
        return 0
    values = column.numbers[rows]
    ranks = np.unique(values, return_inverse=True)[1].astype(np.float64)[:, None]
    tree = DecisionTreeClassifier(max_leaf_nodes=min(classes, MAX_THRESHOLDS), random_state=0)
    return int((tree.fit(ranks, y).predict(ranks) == y).sum())
