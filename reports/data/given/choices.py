"""Which given results a report compares: all of them, or what each policy chose by inner."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.experiment.model import Experiment
from bench.policies import COMMON, GIVEN
from reports.data.cells import UNIT, USABLE
from reports.data.choices import choose
from reports.data.given.columns import CONFIGURATION, Columns
from reports.data.metrics import worst_of
from reports.data.model import IDENTITY
from reports.data.order import ordered
from reports.data.response import COLUMNS as TUNING
from reports.data.response import tuning_summary

NOT_THERE = "not in the table"
LISTED = [*UNIT, "seed", *CONFIGURATION, "is_tuned", "is_common", "status", "inner"]


class Choice(NamedTuple):
    """The rows of a report, and what there was to choose among.

    rows: IDENTITY, lr, parameter, status, in the order of the report. places: which row of the
    table each of them is. missing, configurations, tuning: as in ReportData; the last two are
    empty where nothing was to be chosen.
    """

    rows: pd.DataFrame
    places: NDArray[np.int64]
    missing: pd.DataFrame
    configurations: pd.DataFrame
    tuning: pd.DataFrame


def all_given(columns: Columns, experiment: Experiment) -> Choice:
    """Every row of the table, under the policy that it names or else under one called given."""
    frame = columns.frame
    if "policy" not in frame:
        frame = frame.assign(policy=GIVEN)
    usable = frame["status"].isin(USABLE).to_numpy()
    rows, order = ordered(experiment, frame.loc[usable, [*IDENTITY, *CONFIGURATION, "status"]])
    failed = frame.loc[~usable, IDENTITY].assign(reason="failed")
    absent = _absent(frame, list(dict.fromkeys(frame["policy"])), frame)
    missing = pd.concat([part for part in (failed, absent) if len(part)] or [absent])
    return Choice(
        rows,
        np.flatnonzero(usable)[order],
        ordered(experiment, missing)[0],
        pd.DataFrame(columns=LISTED),
        pd.DataFrame(columns=TUNING),
    )


def chosen(columns: Columns, experiment: Experiment, steps: int | None) -> Choice:
    """What each policy of the suite chose for each seed, by the column inner alone.

    Ties go to the smaller rate, then to the parameter that the table names first. A seed that
    lacks a configuration which another seed of its loss and task has cannot choose.
    """
    frame, names = columns.frame, _seeds(columns.frame)
    every, units = _every(columns, experiment, names)
    picked, lacking = choose(experiment, units, every)
    at = picked["key"].to_numpy(dtype=np.int64)
    seeds = frame["seed"].to_numpy()
    rows, order = ordered(experiment, picked.drop(columns="key").assign(seed=seeds[at]))
    lacking = lacking[lacking["policy"] != COMMON] if not frame["is_common"].any() else lacking
    tuning = tuning_summary(experiment, units, every, rows)
    counts = tuning["task"].map({task: len(own) for task, own in names.items()})
    tuning["seeds"], tuning["runs"] = counts, counts * tuning["configurations"]
    tuning["member_steps"] = tuning["runs"] * steps if steps else float("nan")
    table = every.assign(seed=seeds[every["key"].to_numpy(dtype=np.int64)])
    return Choice(
        rows,
        at[order],
        ordered(experiment, _with_seeds(lacking, names, rows, frame))[0],
        table.drop(columns=["key", "place", "detail"]),
        tuning,
    )


def _seeds(frame: pd.DataFrame) -> dict[str, NDArray[np.int64]]:
    """The seeds of each task, ascending."""
    return {str(task): np.unique(own) for task, own in frame.groupby("task", sort=False)["seed"]}


def _every(
    columns: Columns, experiment: Experiment, names: dict[str, NDArray[np.int64]]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """All results and units as `reports.data.cells` reads them; seeds by their place in a task."""
    report, every = experiment.report, columns.frame.copy()
    every["key"] = np.arange(len(every))
    every["detail"] = "in the table"
    diverged = every["status"] == "diverged"
    every.loc[diverged, "inner"] = worst_of(experiment.tuning.metric, report, 1)
    every.loc[diverged, report.metric] = report.worst
    every.loc[every["status"] == "failed", "inner"] = np.nan
    parts, units = [], []
    for key, own in every.groupby(UNIT, sort=False):
        # Where a loss has no parameter, the code of NaN is that of all its rows.
        parameter = pd.factorize(own["parameter"], use_na_sentinel=False)[0]
        order = np.lexsort((parameter, own["lr"].to_numpy(), ~own["is_tuned"].to_numpy()))
        pairs = pd.MultiIndex.from_arrays([own["lr"].to_numpy(), parameter])
        places, distinct = pd.factorize(pairs[order])
        at = np.empty(len(own), dtype=np.int64)
        at[order] = places
        first = own.iloc[[int(np.flatnonzero(at == k)[0]) for k in range(len(distinct))]]
        listed = first[[*CONFIGURATION, "is_tuned", "is_common"]].to_dict("records")
        parts.append(own.assign(place=at, seed=np.searchsorted(names[str(key[0])], own["seed"])))
        units.append((*key, "", listed))
    joined = pd.concat(parts)[[*LISTED, report.metric, "detail", "key", "place"]]
    return (
        joined.sort_values([*UNIT, "seed", "place"], ignore_index=True),
        pd.DataFrame(units, columns=[*UNIT, "unit", "configurations"]),
    )


def _with_seeds(
    lacking: pd.DataFrame,
    names: dict[str, NDArray[np.int64]],
    rows: pd.DataFrame,
    frame: pd.DataFrame,
) -> pd.DataFrame:
    """What is missing, by the seeds' own names; a task has those that some loss of it has."""
    there = [
        place
        for place, (task, seed) in enumerate(zip(lacking["task"], lacking["seed"], strict=True))
        if seed < len(names[task])
    ]
    own = lacking.iloc[there].copy()
    own["seed"] = [names[task][seed] for task, seed in zip(own["task"], own["seed"], strict=True)]
    own["reason"] = own["reason"].where(
        own["reason"].str.startswith("failed"), "a configuration is not in the table"
    )
    policies = list(dict.fromkeys([*rows["policy"], *own["policy"]]))
    units = frame.drop_duplicates(UNIT)[UNIT]
    every = frame[[*UNIT, "seed"]].merge(units, on=UNIT)
    never = _absent(every, policies, None)
    parts = [part for part in (own, never) if len(part)] or [never]
    return pd.concat(parts).drop_duplicates(IDENTITY)


def _absent(frame: pd.DataFrame, policies: list[str], named: pd.DataFrame | None) -> pd.DataFrame:
    """Runs that a loss lacks of those that its task has by another loss or under another policy.

    named: the rows with their policies; None where only losses without any row of a task count.
    """
    losses = list(dict.fromkeys(frame["loss"]))
    known = set(frame[UNIT].itertuples(index=False, name=None))
    runs = frame.iloc[:0].assign(policy="") if named is None else named
    have = set(runs[IDENTITY].itertuples(index=False, name=None))
    records = []
    for (task, learner), own in frame.groupby(["task", "learner"], sort=False):
        seeds = np.unique(own["seed"]).tolist()
        for loss in losses:
            if named is None and (task, learner, loss) in known:
                continue
            records += [
                (task, learner, loss, seed, policy, NOT_THERE)
                for policy in policies
                for seed in seeds
                if (task, learner, loss, seed, policy) not in have
            ]
    return pd.DataFrame(records, columns=[*IDENTITY, "reason"])
