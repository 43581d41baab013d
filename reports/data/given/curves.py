"""Learning curves of given results: columns `metric@step`, or a table of their own."""

from typing import Any

import numpy as np
import pandas as pd

from bench.errors import InputError
from reports.data.curves import NO_CURVES, Array, Curves
from reports.data.given.columns import CONFIGURATION, ON_CURVE, RUN, Columns
from reports.data.given.table import ResultTable

PLACES = [*RUN, *CONFIGURATION, "policy"]


def curves_of(columns: Columns, results: ResultTable, table: ResultTable | None) -> Curves:
    """The curves of all rows of the results, in their order; NO_CURVES where there are none.

    table: columns task, loss, seed, step and a metric or several; of learner, lr, parameter and
    policy those that tell results apart. Raises InputError for a step that a run has twice, and
    for a curve of no result.
    """
    if table is None:
        return _of_columns(results)
    table.require(("task", "loss", "seed", "step"))
    steps = table.integers("step")
    if (steps < 0).any():
        raise InputError(f"{table.at(int((steps < 0).argmax()))}: step is below 0")
    keys = [name for name in PLACES if name in table.frame and name in results.frame]
    keys += [] if set(RUN) <= set(keys) else [name for name in RUN if name not in keys]
    keys = [name for name in keys if name in table.frame]
    owner = _owners(columns, results, table, keys)
    twice = pd.DataFrame({"owner": owner, "step": steps}).duplicated(keep=False).to_numpy()
    if twice.any():
        first = int(twice.argmax())
        same = np.flatnonzero((owner == owner[first]) & (steps == steps[first])).tolist()
        raise InputError(f"{table.name}: {table.lines(same)} are one step of one run")
    names = [
        name for name in table.frame if name not in (*PLACES, "step") and table.is_numeric(name)
    ]
    if not names:
        raise InputError(f"{table.name}: has no column of scores beside {', '.join(table.frame)}")
    grid, at = np.unique(steps, return_inverse=True)
    group = _rows_of(columns, results, keys)
    values: dict[str, Array] = {}
    for name in names:
        matrix = np.full((int(owner.max()) + 1, grid.size), np.nan, dtype=np.float32)
        matrix[owner, at] = table.numbers_of(name)
        full = np.full((len(group), grid.size), np.nan, dtype=np.float32)
        known = group <= owner.max()
        full[known] = matrix[group[known]]
        values[name] = full
    return Curves(grid.astype(np.int64), values)


def _of_columns(results: ResultTable) -> Curves:
    found = {name: match for name in results.frame if (match := ON_CURVE.match(name))}
    if not found:
        return NO_CURVES
    grid = np.array(sorted({int(match["step"]) for match in found.values()}), dtype=np.int64)
    values: dict[str, Array] = {}
    for name, match in found.items():
        own = values.setdefault(
            match["metric"], np.full((len(results.frame), grid.size), np.nan, dtype=np.float32)
        )
        own[:, np.searchsorted(grid, int(match["step"]))] = results.numbers_of(name)
    return Curves(grid, values)


def _identities(table: ResultTable, keys: list[str]) -> list[tuple[Any, ...]]:
    """What identifies the run of each row, as it is written in the table."""
    parts: list[list[Any]] = []
    for name in keys:
        if name == "seed":
            parts.append(table.integers(name).tolist())
        elif name in CONFIGURATION:
            parts.append([None if np.isnan(x) else x for x in table.numbers_of(name).tolist()])
        else:
            parts.append(table.texts(name, "").tolist())
    return list(zip(*parts, strict=True))


def _rows_of(columns: Columns, results: ResultTable, keys: list[str]) -> Any:
    """The number of the run of each result; results that the keys do not tell apart share one."""
    known: dict[tuple[Any, ...], int] = {}
    return np.array([known.setdefault(key, len(known)) for key in _identities(results, keys)])


def _owners(columns: Columns, results: ResultTable, table: ResultTable, keys: list[str]) -> Any:
    """The number of the run of each row of the curves."""
    known: dict[tuple[Any, ...], int] = {}
    identities = _identities(results, keys)
    for key in identities:
        known.setdefault(key, len(known))
    if columns.several and len(known) < len(identities):
        absent = [name for name in CONFIGURATION if name in results.frame and name not in keys]
        raise InputError(
            f"{table.name}: a seed has several results; name the curve's own by a column "
            f"{' and '.join(map(repr, absent)) or repr('lr')}"
        )
    owners = []
    for place, key in enumerate(_identities(table, keys)):
        if key not in known:
            run = ", ".join(f"{name} {value}" for name, value in zip(keys, key, strict=True))
            raise InputError(f"{table.at(place)}: {columns.name} has no such run ({run})")
        owners.append(known[key])
    return np.array(owners, dtype=np.int64)
