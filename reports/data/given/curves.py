"""Learning curves of given results: columns `metric@step`, or a table of their own."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.errors import InputError
from reports.data.curves import NO_CURVES, Array, Curves
from reports.data.given.columns import CONFIGURATION, ON_CURVE, RUN, Columns
from reports.data.given.table import ResultTable

Run = tuple[Any, ...]
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
    runs, group = _runs(columns, results, table, keys)
    owner = _owners(runs, results, table, keys)
    twice = pd.DataFrame({"owner": owner, "step": steps}).duplicated(keep=False).to_numpy()
    if twice.any():
        first = int(twice.argmax())
        same = np.flatnonzero((owner == owner[first]) & (steps == steps[first])).tolist()
        raise InputError(f"{table.name}: {table.lines(same)} are one step of one run")
    names = [
        name for name in table.names if name not in (*PLACES, "step") and table.is_numeric(name)
    ]
    if not names:
        raise InputError(f"{table.name}: has no column of scores beside {', '.join(table.names)}")
    grid, at = np.unique(steps, return_inverse=True)
    values: dict[str, Array] = {}
    for name in names:
        matrix = np.full((len(runs), grid.size), np.nan, dtype=np.float32)
        matrix[owner, at] = table.numbers_of(name)
        values[name] = matrix[group]
    return Curves(grid.astype(np.int64), values)


def _of_columns(results: ResultTable) -> Curves:
    found = {name: match for name in results.names if (match := ON_CURVE.match(name))}
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


def _identities(table: ResultTable, keys: list[str]) -> list[Run]:
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


def _runs(
    columns: Columns, results: ResultTable, table: ResultTable, keys: list[str]
) -> tuple[dict[Run, int], NDArray[np.int64]]:
    """The runs of the results by number, and the number of the run of each result.

    Results that the keys do not tell apart are one run under several policies.
    """
    runs: dict[Run, int] = {}
    identities = _identities(results, keys)
    group = [runs.setdefault(key, len(runs)) for key in identities]
    if columns.several and len(runs) < len(identities):
        absent = [name for name in CONFIGURATION if name in results.frame and name not in keys]
        raise InputError(
            f"{table.name}: a seed has several results; a column "
            f"{' and '.join(map(repr, absent))} must say which of them a curve belongs to"
        )
    return runs, np.array(group, dtype=np.int64)


def _owners(
    runs: dict[Run, int], results: ResultTable, table: ResultTable, keys: list[str]
) -> NDArray[np.int64]:
    """The number of the run of each row of the curves."""
    owners = []
    for place, key in enumerate(_identities(table, keys)):
        if key not in runs:
            run = ", ".join(f"{name} {value}" for name, value in zip(keys, key, strict=True))
            raise InputError(f"{table.at(place)}: {results.name} has no such run ({run})")
        owners.append(runs[key])
    return np.array(owners, dtype=np.int64)
