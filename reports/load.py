"""One experiment's results as data frames, read from the store."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import pandas as pd

from bench import store as tables
from bench.errors import InputError
from bench.experiment import Experiment
from bench.store import Row, Store

IDENTITY = ["task", "learner", "loss", "seed", "lr_policy"]
USABLE = ("done", "diverged")


@dataclass(frozen=True)
class ReportData:
    """Everything a report shows; an absent part is an empty frame.

    rows: IDENTITY, lr, status, one column per metric; where a run diverged the declared metric
        is the declared worst score and `<metric>_raw` holds what was measured.
    curves: IDENTITY, step, and the curve's own columns (accuracy, ...).
    choices: task, learner, loss, lr, parameter, configurations, seeds, score.
    evolutions: loss, run, fitness, member_steps.
    history: loss and one row per generation: phase (ga or es), member_steps, best, median, ...
    shapes: loss, kind (value or gradient), target (1: true class, 0: a rival), p, y.
    trials: slot, number, state, value, member_steps, and one column per parameter.
    intermediate: number, step, value. importances: name, share.
    missing: IDENTITY, reason.
    """

    experiment: Experiment
    rows: pd.DataFrame
    curves: pd.DataFrame
    choices: pd.DataFrame
    evolutions: pd.DataFrame
    history: pd.DataFrame
    shapes: pd.DataFrame
    trials: pd.DataFrame
    intermediate: pd.DataFrame
    importances: pd.DataFrame
    missing: pd.DataFrame
    provenance: dict[str, Any]

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics, the declared one first."""
        declared = self.experiment.report.metric
        fixed = {*IDENTITY, "lr", "status", f"{declared}_raw", declared}
        return [declared, *(name for name in self.rows.columns if name not in fixed)]

    @property
    def candidates(self) -> tuple[str, ...]:
        """The evolved losses, or without any the losses that are not declared baselines."""
        evolved = self.experiment.evolved_losses()
        if evolved:
            return evolved
        declared = self.experiment.report.baselines
        return tuple(name for name in self.experiment.losses() if name not in declared)


def load(store: Store, experiment: Experiment) -> ReportData:
    """Read an experiment's results.

    Raises InputError if no cell is stored, or none has the declared metric.
    """
    fingerprint = experiment.fingerprint()
    found = store.rows(tables.experiments, fingerprint=fingerprint)
    config: Row = found[0]["config"] if found else {}
    grid = store.rows(tables.grid, fingerprint=fingerprint)
    cells = store.rows_of(tables.cells, (row["cell"] for row in grid))
    if not any(cell["status"] in USABLE for cell in cells.values()):
        raise InputError(
            f"{experiment.name}: nothing to report yet; "
            "run `mln-bench run` with this experiment and the same --storage first"
        )
    evolutions, history, shapes = _evolutions(store, config.get("evolutions") or {})
    trials, intermediate, importances = _study(store, config.get("study"))
    return ReportData(
        experiment=experiment,
        rows=_rows(experiment, grid, cells),
        curves=_curves(experiment, grid, cells),
        choices=_sorted(experiment, _choices(store, fingerprint)),
        evolutions=evolutions,
        history=history,
        shapes=shapes,
        trials=trials,
        intermediate=intermediate,
        importances=importances,
        missing=_missing(experiment, grid, cells),
        provenance={
            "fingerprint": fingerprint,
            "run": config.get("provenance") or {},
            "cells": _distinct(cell["provenance"] for cell in cells.values()),
            "mixed_processors": _mixed_processors(grid, cells),
        },
    )


def _rows(experiment: Experiment, grid: list[Row], cells: dict[str, Row]) -> pd.DataFrame:
    declared, worst = experiment.report.metric, experiment.report.worst
    names = sorted({name for cell in cells.values() for name in cell["metrics"]})
    if declared not in names:
        raise InputError(
            f"report.metric: no result has a metric {declared!r}; "
            f"choose one of {', '.join(names) or 'those that the runner stores'}"
        )
    diverged = any(cell["status"] == "diverged" for cell in cells.values())
    records = []
    for row in grid:
        cell = cells.get(row["cell"])
        if cell is None:
            continue
        record: Row = {name: row[name] for name in IDENTITY}
        record |= {"lr": cell["lr"], "status": cell["status"]}
        record |= {name: _number(cell["metrics"].get(name)) for name in names}
        if diverged:
            record[f"{declared}_raw"] = record[declared]
        if cell["status"] == "diverged":
            record[declared] = None
        records.append(record)
    frame = pd.DataFrame(records)
    if frame.empty:
        return _sorted(experiment, frame)
    # No finite score may be worse than that of a run that has none.
    scores = [worst, *frame[declared].dropna()]
    beyond = max(scores) if experiment.report.direction == "minimise" else min(scores)
    frame.loc[frame["status"] == "diverged", declared] = float(beyond)
    return _sorted(experiment, frame)


def _curves(experiment: Experiment, grid: list[Row], cells: dict[str, Row]) -> pd.DataFrame:
    columns: dict[str, list[Any]] = {}
    for row in grid:
        cell = cells.get(row["cell"])
        if cell is None or not cell["curve"] or cell["status"] not in USABLE:
            continue
        length = len(cell["curve"]["step"])
        for name, values in cell["curve"].items():
            columns.setdefault(name, []).extend(values)
        for name in IDENTITY:
            columns.setdefault(name, []).extend([row[name]] * length)
    frame = pd.DataFrame(columns, columns=None if columns else [*IDENTITY, "step"])
    return _sorted(experiment, frame, "step")


def _choices(store: Store, fingerprint: str) -> pd.DataFrame:
    columns = ["task", "learner", "loss", "lr", "parameter", "configurations", "seeds", "score"]
    rows = store.rows(tables.choices, fingerprint=fingerprint)
    return pd.DataFrame(rows, columns=columns)


def _missing(experiment: Experiment, grid: list[Row], cells: dict[str, Row]) -> pd.DataFrame:
    """Rows without a usable cell, those that were never planned for want of a loss included."""
    known = {tuple(row[name] for name in IDENTITY): cells.get(row["cell"]) for row in grid}
    tasks, count = _tasks(experiment, grid), 0
    if experiment.benchmark:
        count = experiment.benchmark.seeds
    seeds = {row["seed"] for row in grid}
    if len(seeds) < count:
        seeds |= set(range(count))
    owed = set(known) | set(
        product(
            tasks,
            {row["learner"] for row in grid},
            experiment.losses(),
            seeds,
            {row["lr_policy"] for row in grid},
        )
    )
    records = []
    for identity in owed:
        cell = known.get(identity)
        if cell is None:
            records.append((*identity, "not run yet"))
        elif cell["status"] not in USABLE:
            records.append((*identity, f"{cell['status']}: {cell['detail']}"))
    return _sorted(experiment, pd.DataFrame(records, columns=[*IDENTITY, "reason"]))


def _tasks(experiment: Experiment, grid: list[Row]) -> list[str]:
    """All tasks of the experiment; rows spell a task canonically, an experiment need not."""
    seen = sorted({row["task"] for row in grid})
    declared = experiment.benchmark.tasks if experiment.benchmark else ()
    unseen = [task for task in declared if task not in seen]
    return seen + unseen[: max(len(declared) - len(seen), 0)]


def _evolutions(
    store: Store, keys: dict[str, str]
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    found = store.rows_of(tables.evolutions, keys.values())
    runs: list[Row] = []
    history: list[Row] = []
    shapes: list[pd.DataFrame] = []
    for name, key in keys.items():
        row = found.get(key)
        if row is None:
            continue
        kept = ("run", "fitness", "member_steps")
        runs.append({"loss": name} | {column: row[column] for column in kept})
        history.extend({"loss": name, **generation} for generation in row["history"])
        known = {shape["loss"].iloc[0] for shape in shapes}  # every run brings the baselines
        for shape in row["shape"]:
            shown = name if shape["loss"] == row["loss"] else shape["loss"]
            if shown not in known:
                shapes.append(pd.DataFrame({**shape, "loss": shown}))
    columns = ["loss", "kind", "target", "p", "y"]
    joined = pd.concat(shapes, ignore_index=True) if shapes else pd.DataFrame(columns=columns)
    return (
        pd.DataFrame(runs, columns=["loss", "run", "fitness", "member_steps"]),
        pd.DataFrame(history),
        joined[columns],
    )


def _study(store: Store, name: str | None) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    rows = store.rows(tables.trials, study=name) if name else []
    kept = ("slot", "number", "state", "value", "member_steps")
    trials = pd.DataFrame([{key: row[key] for key in kept} | row["params"] for row in rows])
    steps = [
        {"number": row["number"], "step": step, "value": value}
        for row in rows
        for step, value in zip(
            row["intermediate"].get("step", ()), row["intermediate"].get("value", ()), strict=True
        )
    ]
    found = store.rows(tables.importances, study=name) if name else []
    shares = sorted((found[0]["values"] if found else {}).items(), key=lambda item: -item[1])
    return (
        trials.sort_values("number", ignore_index=True) if rows else trials,
        pd.DataFrame(steps, columns=["number", "step", "value"]),
        pd.DataFrame(shares, columns=["name", "share"]),
    )


def _sorted(experiment: Experiment, frame: pd.DataFrame, *last: str) -> pd.DataFrame:
    """Rows in the experiment's own order of tasks and losses, tuned before common."""
    benchmark = experiment.benchmark
    order = {
        "task": list(benchmark.tasks if benchmark else ()),
        "loss": list(experiment.losses()),
        "lr_policy": ["tuned", "common"],
    }
    keys = [name for name in ("task", "learner", "loss", "lr_policy", "seed") if name in frame]

    def rank(column: pd.Series) -> pd.Series:
        names = order.get(str(column.name))
        if names is None:
            return column
        unknown = sorted(set(column) - set(names))
        places = {name: place for place, name in enumerate([*names, *unknown])}
        return column.map(places).astype(int)

    return frame.sort_values([*keys, *last], key=rank, ignore_index=True, kind="stable")


def _mixed_processors(grid: list[Row], cells: dict[str, Row]) -> int:
    """Number of paired groups (task, learner, seed, policy) computed on several processors."""
    seen: dict[tuple[Any, ...], set[str]] = {}
    for row in grid:
        cell = cells.get(row["cell"])
        processor = (cell or {}).get("provenance", {}).get("processor")
        if processor:
            group = (row["task"], row["learner"], row["seed"], row["lr_policy"])
            seen.setdefault(group, set()).add(str(processor))
    return sum(len(processors) > 1 for processors in seen.values())


def _distinct(provenances: Iterable[Any]) -> dict[str, list[str]]:
    """Every value that each entry of the cells' provenance takes."""
    values: dict[str, set[str]] = {}
    for provenance in provenances:
        for name, value in _flat(provenance or {}):
            values.setdefault(name, set()).add(value)
    return {name: sorted(found) for name, found in sorted(values.items())}


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from _flat(entry, str(key))
    elif not isinstance(value, float):  # times are no version of anything
        yield name, " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)
