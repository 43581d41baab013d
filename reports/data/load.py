"""One experiment's results as data frames, read from the store."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import select

from bench.catalogue.metrics import STEPS_TO_CE
from bench.errors import InputError
from bench.experiment.model import Experiment
from bench.store import schema as tables
from bench.store.store import Row, Store
from reports.data import search as load_search
from reports.data.curves import CurveBuilder, Curves, first_passage
from reports.data.scores import ReportScores
from reports.verdicts.verdict import Rules

IDENTITY = ["task", "learner", "loss", "seed", "lr_policy"]
USABLE = ("done", "diverged")
REACHED = "reached_ce"
"""Whether a run reached tuned CE's accuracy within its budget; 0 where steps_to_ce is censored."""

FETCHED = 2000


@dataclass(frozen=True)
class ReportData:
    """Everything a report shows; an absent part is an empty frame.

    rows: IDENTITY, lr, status, one column per metric; where a run diverged the declared metric
        is the declared worst score and `<metric>_raw` holds what was measured. Sorted by task,
        learner, loss, policy and seed, so that a comparison's rows are two contiguous blocks.
    curves: learning curves, one per row. seconds: what each run took, one per row.
    plan: what was to be run: task, learner, loss, seeds, steps (training steps of a run).
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
    curves: Curves
    seconds: "np.ndarray[Any, np.dtype[np.float64]]"
    plan: pd.DataFrame
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
        fixed = {*IDENTITY, "lr", "status", f"{declared}_raw", declared, REACHED}
        return [declared, *(name for name in self.rows.columns if name not in fixed)]

    @cached_property
    def scores(self) -> ReportScores:
        """The rows by task, learner, loss and policy."""
        return ReportScores(self.rows, self.plan, self.experiment.report, self.budget)

    @property
    def losses(self) -> tuple[str, ...]:
        """All losses, the evolved ones last."""
        return tuple(dict.fromkeys(self.plan["loss"]))

    @property
    def evolved(self) -> tuple[str, ...]:
        """The evolved losses: independent runs of the method."""
        return self.experiment.evolved_losses()

    @property
    def candidates(self) -> tuple[str, ...]:
        """The evolved losses, or without any the losses that are not declared baselines."""
        declared = self.experiment.report.baselines
        return self.evolved or tuple(name for name in self.losses if name not in declared)

    @property
    def tasks(self) -> list[str]:
        """All tasks, those without a result included."""
        return list(dict.fromkeys(self.plan["task"]))

    @property
    def budget(self) -> int:
        """Training steps of the longest run."""
        return int(self.plan["steps"].max()) if len(self.plan) else 1


def load(store: Store, experiment: Experiment) -> ReportData:
    """Read an experiment's results.

    Raises InputError if no cell is stored, or none has the declared metric.
    """
    fingerprint = experiment.fingerprint()
    stored = store.rows(tables.experiments, fingerprint=fingerprint)
    config: Row = stored[0]["config"] if stored else {}
    cells = _Cells(experiment)
    for row in _stored(store, fingerprint):
        cells.add(row)
    if not cells.records:
        raise InputError(
            f"{experiment.name}: nothing to report yet; "
            "run `mln-bench run` with this experiment and the same --storage first"
        )
    plan = _plan(experiment, cells)
    rows, curves, seconds = cells.frames()
    trials, intermediate, importances = load_search.study(store, config.get("study"))
    evolutions, history, shapes = load_search.evolutions(store, config.get("evolutions") or {})
    return ReportData(
        experiment=experiment,
        rows=_with_time_to_ce(rows, curves, plan),
        curves=curves,
        seconds=seconds,
        plan=plan,
        choices=ordered(experiment, _choices(store, fingerprint))[0],
        evolutions=evolutions,
        history=history,
        shapes=shapes,
        trials=trials,
        intermediate=intermediate,
        importances=importances,
        missing=_missing(experiment, cells, plan),
        provenance={
            "fingerprint": fingerprint,
            "run": config.get("provenance") or {},
            "seeds": config.get("seeds") or {},
            "cells": {name: sorted(values) for name, values in sorted(cells.provenance.items())},
            "mixed_processors": sum(len(models) > 1 for models in cells.processors.values()),
        },
    )


def _stored(store: Store, fingerprint: str) -> Iterator[Any]:
    """The experiment's grid with the cell of each row, None where there is none; streamed."""
    grid, cells = tables.grid.c, tables.cells.c
    statement = (
        select(
            grid.task, grid.learner, grid.loss, grid.seed, grid.lr_policy, cells.lr, cells.status,
            cells.detail, cells.metrics, cells.curve, cells.provenance,
        )
        .select_from(tables.grid.outerjoin(tables.cells, grid.cell == cells.key))
        .where(grid.fingerprint == fingerprint)
        .order_by(grid.task, grid.learner, grid.loss, grid.seed, grid.lr_policy)
    )  # fmt: skip
    with store.engine.connect().execution_options(yield_per=FETCHED) as connection:
        yield from connection.execute(statement)


class _Cells:
    """Takes stored cells one by one and keeps what a report needs of them."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self.records: list[tuple[Any, ...]] = []
        self.unusable: dict[tuple[Any, ...], str] = {}
        self.provenance: dict[str, set[str]] = {}
        self.processors: dict[tuple[Any, ...], set[str]] = {}
        self._metrics: dict[str, list[float]] = {}
        self._curves = CurveBuilder()
        self._seconds: list[float] = []
        self._about: dict[str, Any] | None = None

    def add(self, row: Any) -> None:
        """Take one row of the grid with its cell."""
        identity = (row.task, row.learner, row.loss, row.seed, row.lr_policy)
        if row.status not in USABLE:
            self.unusable[identity] = f"{row.status}: {row.detail}" if row.status else "not run yet"
            return
        for name in [name for name in row.metrics if name not in self._metrics]:
            self._metrics[name] = [float("nan")] * len(self.records)
        for name, values in self._metrics.items():
            value = row.metrics.get(name)
            values.append(float("nan") if value is None else float(value))
        self.records.append((*identity, row.lr, row.status))
        self._curves.add(row.curve)
        about = dict(row.provenance or {})
        self._seconds.append(float(about.pop("seconds", "nan")))
        if about != self._about:
            self._about = about
            for name, value in _flat(about):
                self.provenance.setdefault(name, set()).add(value)
        if processor := about.get("processor"):
            group = (row.task, row.learner, row.seed, row.lr_policy)
            self.processors.setdefault(group, set()).add(str(processor))

    def frames(self) -> tuple[pd.DataFrame, Curves, "np.ndarray[Any, np.dtype[np.float64]]"]:
        """Rows, curves and seconds in the experiment's order; diverged runs have their score."""
        report = self.experiment.report
        if report.metric not in self._metrics:
            raise InputError(
                f"report.metric: no result has a metric {report.metric!r}; "
                f"choose one of {', '.join(sorted(self._metrics)) or 'those the runner stores'}"
            )
        frame = pd.DataFrame(self.records, columns=[*IDENTITY, "lr", "status"])
        for name in sorted(self._metrics):
            frame[name] = np.array(self._metrics[name])
        diverged = frame["status"] == "diverged"
        if diverged.any():
            frame[f"{report.metric}_raw"] = frame[report.metric]
            # No finite score may be worse than that of a run that has none.
            scores = [report.worst, *frame.loc[~diverged, report.metric].dropna()]
            beyond = max(scores) if report.direction == "minimise" else min(scores)
            frame.loc[diverged, report.metric] = float(beyond)
        frame, order = ordered(self.experiment, frame)
        return frame, self._curves.build().take(order), np.array(self._seconds)[order]


def _with_time_to_ce(rows: pd.DataFrame, curves: Curves, plan: pd.DataFrame) -> pd.DataFrame:
    """Rows with the step at which each run first has tuned CE's mean final accuracy.

    The threshold is a mean over seeds, so that CE itself is treated like every other loss. A run
    that never gets there, or diverged, is censored at its budget.
    """
    reference = rows[(rows["loss"] == "ce") & (rows["lr_policy"] == "tuned")]
    if "accuracy" not in curves.values or reference.empty:
        return rows
    threshold = reference.groupby(["task", "learner"])["accuracy"].mean().rename("threshold")
    places = rows[["task", "learner"]].join(threshold, on=["task", "learner"])["threshold"]
    steps = plan.drop_duplicates(["task", "learner"]).set_index(["task", "learner"])["steps"]
    budget = rows[["task", "learner"]].join(steps, on=["task", "learner"])["steps"].to_numpy()
    passed = first_passage(
        curves.values["accuracy"], curves.steps, places.to_numpy(dtype=np.float32)
    )
    reached = np.isfinite(passed) & (rows["status"] != "diverged").to_numpy()
    times = np.where(reached, np.minimum(np.nan_to_num(passed), budget), budget)
    times = np.where(places.isna(), np.nan, times)
    return rows.assign(**{STEPS_TO_CE: times, REACHED: reached.astype(int)})


def _choices(store: Store, fingerprint: str) -> pd.DataFrame:
    columns = ["task", "learner", "loss", "lr", "parameter", "configurations", "seeds", "score"]
    rows = store.rows(tables.choices, fingerprint=fingerprint)
    return pd.DataFrame(rows, columns=columns)


def _plan(experiment: Experiment, cells: _Cells) -> pd.DataFrame:
    """Every task, learner and loss that was to be run, with its seeds and training steps.

    Tasks of pictures may have another learner than the others: each has those of its own rows.
    What a task without any row would have had is not known here; it is listed with all.
    """
    identities = [*cells.records, *cells.unusable]
    learners: dict[str, set[str]] = {}
    for task, learner, *_ in identities:
        learners.setdefault(task, set()).add(learner)
    everyones = set().union(*learners.values())
    benchmark = experiment.benchmark
    seeds = benchmark.seeds if benchmark else 0
    steps = benchmark.training.steps if benchmark else 1
    records = [
        (task, learner, loss, seeds, steps)
        for task in _tasks(experiment, sorted({identity[0] for identity in identities}))
        for learner in sorted(learners.get(task, everyones))
        for loss in experiment.losses()
    ]
    frame = pd.DataFrame(records, columns=["task", "learner", "loss", "seeds", "steps"])
    return ordered(experiment, frame)[0]


def _tasks(experiment: Experiment, seen: list[str]) -> list[str]:
    """All tasks of the experiment; rows spell a task canonically, an experiment need not."""
    declared = experiment.benchmark.tasks if experiment.benchmark else ()
    unseen = [task for task in declared if task not in seen]
    return seen + unseen[: max(len(declared) - len(seen), 0)]


def _missing(experiment: Experiment, cells: _Cells, plan: pd.DataFrame) -> pd.DataFrame:
    """Rows without a usable cell, those that were never planned for want of a loss included."""
    known = {record[:5] for record in cells.records}
    policies = sorted({record[4] for record in (*cells.records, *cells.unusable)})
    reasons = dict(cells.unusable)
    for task, learner, loss, seeds in plan[["task", "learner", "loss", "seeds"]].itertuples(
        index=False
    ):
        for seed, policy in product(range(seeds), policies):
            identity = (task, learner, loss, seed, policy)
            if identity not in known:
                reasons.setdefault(identity, "not run yet")
    records = [(*identity, reason) for identity, reason in reasons.items()]
    return ordered(experiment, pd.DataFrame(records, columns=[*IDENTITY, "reason"]))[0]


def ordered(experiment: Experiment, frame: pd.DataFrame) -> tuple[pd.DataFrame, Any]:
    """Rows in the experiment's order of tasks and losses, tuned first; and where each was."""
    benchmark = experiment.benchmark
    order = {
        "task": list(benchmark.tasks if benchmark else ()),
        "loss": list(experiment.losses()),
        "lr_policy": ["tuned", "common"],
    }
    keys = []
    for name in ("task", "learner", "loss", "lr_policy", "seed"):
        if name not in frame:
            continue
        if name == "seed":
            keys.append(frame[name].to_numpy())
            continue
        codes, uniques = pd.factorize(frame[name], sort=True)
        names = order.get(name, [])
        places = {value: place for place, value in enumerate(names)}
        rank = np.array(
            [places.get(value, len(names) + code) for code, value in enumerate(uniques)], dtype=int
        )
        keys.append(rank[codes] if len(rank) else codes)
    sorting = np.lexsort(keys[::-1]) if keys and len(frame) else np.arange(len(frame))
    return frame.iloc[sorting].reset_index(drop=True), sorting


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every entry of a cell's provenance, times left out: they are no version of anything."""
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from _flat(entry, str(key))
    elif not isinstance(value, float):
        yield name, " ".join(map(str, value)) if isinstance(value, list) else str(value)


def rules_of(data: ReportData) -> Rules:
    """The rules that the experiment declared."""
    report = data.experiment.report
    return Rules(report.direction, report.rope, report.alpha)
