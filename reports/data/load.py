"""One experiment's results as data frames, read from the store."""

import numpy as np
import pandas as pd

from bench.catalogue.metrics import STEPS_TO_CE
from bench.describing.model import read_descriptions
from bench.errors import InputError
from bench.experiment.model import Experiment
from bench.experiment.sections import ReportSection
from bench.policies import PRIMARY
from bench.store import schema as tables
from bench.store.store import Row, Store
from reports.data import search as load_search
from reports.data.cells import Chosen, read_chosen, read_configurations, read_units
from reports.data.choices import NOT_RUN, choose
from reports.data.curves import Curves, first_passage
from reports.data.model import IDENTITY, REACHED, ReportData
from reports.data.order import ordered
from reports.data.response import tuning_summary


def load(store: Store, experiment: Experiment) -> ReportData:
    """Read an experiment's results: all its cells' scores on inner_valid, then what each policy
    chose by them.

    Raises InputError if no cell is stored, or none has the declared metric.
    """
    fingerprint = experiment.fingerprint()
    stored = store.rows(tables.experiments, fingerprint=fingerprint)
    config: Row = stored[0]["config"] if stored else {}
    units = read_units(store, fingerprint)
    every = read_configurations(store, experiment, units)
    if every.empty:
        raise InputError(
            f"{experiment.name}: nothing to report yet; "
            "run `mln-bench run` with this experiment and the same --storage first"
        )
    if (every["status"] == "failed").all():
        raise InputError(
            f"{experiment.name}: nothing to report: every cell failed, the first with "
            f"{every['detail'].iloc[0]!r}; run it again"
        )
    chosen, missing = choose(experiment, units, every)
    found = read_chosen(store, chosen)
    plan = _plan(experiment, units)
    rows, curves, seconds = _frames(experiment, chosen, found)
    trials, intermediate, importances = load_search.study(store, config.get("study"))
    evolutions, history, shapes = load_search.evolutions(store, config.get("evolutions") or {})
    return ReportData(
        experiment=experiment,
        rows=with_time_to_ce(rows, curves, plan),
        curves=curves,
        seconds=seconds,
        plan=plan,
        configurations=every.drop(columns=["key", "place", "detail"]),
        tuning=tuning_summary(experiment, units, every, rows),
        evolutions=evolutions,
        history=history,
        shapes=shapes,
        trials=trials,
        intermediate=intermediate,
        importances=importances,
        missing=_missing(experiment, missing, plan, rows),
        provenance={
            "fingerprint": fingerprint,
            "run": config.get("provenance") or {},
            "seeds": config.get("seeds") or {},
            "cells": {name: sorted(values) for name, values in sorted(found.provenance.items())},
            "mixed_processors": found.mixed_processors(chosen),
        },
        descriptions=tuple(read_descriptions(config.get("tasks"))),
    )


def _frames(
    experiment: Experiment, chosen: pd.DataFrame, found: Chosen
) -> tuple[pd.DataFrame, Curves, "np.ndarray[tuple[int], np.dtype[np.float64]]"]:
    """Rows, curves and seconds in the experiment's order; diverged runs have their score."""
    report = experiment.report
    if report.metric not in found.metrics:
        raise InputError(
            f"report.metric: no result has a metric {report.metric!r}; "
            f"choose one of {', '.join(sorted(found.metrics)) or 'those the runner stores'}"
        )
    places = chosen["key"].map(found.places).to_numpy(dtype=int)
    frame = chosen[[*IDENTITY, "lr", "parameter", "status"]].copy()
    for name in sorted(found.metrics):
        frame[name] = np.array(found.metrics[name])[places]
    frame, order = ordered(experiment, with_worst_scores(frame, report))
    curves = found.curves.build().take(places[order])
    return frame, curves, np.array(found.seconds)[places[order]]


def with_worst_scores(frame: pd.DataFrame, report: ReportSection) -> pd.DataFrame:
    """Rows in which a diverged run has the declared worst score, or a worse one that another has.

    What was measured of it stands beside, in `<metric>_raw`.
    """
    diverged = frame["status"] == "diverged"
    if not diverged.any():
        return frame
    frame = frame.assign(**{f"{report.metric}_raw": frame[report.metric]})
    # No finite score may be worse than that of a run that has none.
    scores = [report.worst, *frame.loc[~diverged, report.metric].dropna()]
    beyond = max(scores) if report.direction == "minimise" else min(scores)
    frame.loc[diverged, report.metric] = float(beyond)
    return frame


def with_time_to_ce(rows: pd.DataFrame, curves: Curves, plan: pd.DataFrame) -> pd.DataFrame:
    """Rows with the step at which each run first has tuned CE's mean final accuracy.

    The threshold is a mean over seeds, so that CE itself is treated like every other loss; a task
    on which CE diverged on every seed has none. A run that never gets there, or diverged, is
    censored at its budget.
    """
    reference = rows[(rows["loss"] == "ce") & (rows["policy"] == PRIMARY)]
    ended = (
        (reference["status"] != "diverged")
        .groupby([reference["task"], reference["learner"]])
        .transform("any")
    )
    reference = reference[ended.astype(bool)]
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


def _plan(experiment: Experiment, units: pd.DataFrame) -> pd.DataFrame:
    """Every task, learner and loss that was to be run, with its seeds and training steps.

    Tasks of pictures may have another learner than the others: each has those of its own units.
    What a task without any unit would have had is not known here; it is listed with all.
    """
    learners: dict[str, set[str]] = {}
    for task, learner in units[["task", "learner"]].itertuples(index=False, name=None):
        learners.setdefault(task, set()).add(learner)
    everyones = set().union(*learners.values())
    benchmark = experiment.benchmark
    seeds = benchmark.seeds if benchmark else 0
    steps = benchmark.training.steps if benchmark else 1
    records = [
        (task, learner, loss, seeds, steps)
        for task in _tasks(experiment, sorted(learners))
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


def _missing(
    experiment: Experiment, reasons: pd.DataFrame, plan: pd.DataFrame, rows: pd.DataFrame
) -> pd.DataFrame:
    """Rows that a policy could not choose, those of losses without any unit included."""
    known = reasons[["task", "learner", "loss"]].drop_duplicates()
    known = pd.concat([known, rows[["task", "learner", "loss"]].drop_duplicates()])
    have = set(known.itertuples(index=False, name=None))
    policies = dict.fromkeys([*rows["policy"], *reasons["policy"]])
    records = [
        (task, learner, loss, seed, policy, NOT_RUN)
        for task, learner, loss, seeds, _ in plan.itertuples(index=False, name=None)
        if (task, learner, loss) not in have
        for seed in range(seeds)
        for policy in policies
    ]
    never = pd.DataFrame(records, columns=[*IDENTITY, "reason"])
    joined = pd.concat([frame for frame in (reasons, never) if len(frame)] or [never])
    return ordered(experiment, joined)[0]
