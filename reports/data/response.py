"""What tuning tried and chose, and how scores respond to the learning rate."""

from typing import Any

import numpy as np
import pandas as pd

from bench.experiment.model import Experiment
from bench.policies import NONE, PRIMARY
from reports.data.cells import UNIT
from reports.data.choices import UnitCells, unit_cells
from reports.data.metrics import is_minimised
from reports.stats.intervals import column_intervals

EDGE_SHARE = 0.25
"""Share of seeds at the edge of the grid from which on the grid is too narrow to trust."""

COLUMNS = [
    *UNIT, "configurations", "seeds", "runs", "member_steps", "lr_low", "lr", "lr_high",
    "parameter", "edge",
]  # fmt: skip


def tuning_summary(
    experiment: Experiment, units: pd.DataFrame, every: pd.DataFrame, rows: pd.DataFrame
) -> pd.DataFrame:
    """What tuning spent on each loss and chose under the primary policy.

    Columns: task, learner, loss; configurations, seeds, runs (their product), member_steps (of
    all runs); lr_low, lr, lr_high: the lowest, median and highest rate that seeds chose;
    parameter: the one most seeds chose, NaN where the loss has none; edge: share of seeds whose
    best score lies at an end of the grid of rates and nowhere else.
    """
    benchmark = experiment.benchmark
    if benchmark is None:
        return pd.DataFrame(columns=COLUMNS)
    chosen = rows[rows["policy"] == PRIMARY].groupby(UNIT, sort=False)
    groups = dict(iter(chosen[["lr", "parameter"]]))
    lr = every["lr"].to_numpy(dtype=float)
    records = []
    minimised = is_minimised(experiment.tuning.metric, experiment.report)
    for unit in unit_cells(units, every, benchmark.seeds, minimised):
        own = groups.get(unit.names)
        if own is None:
            continue
        configurations = len(unit.tuned)
        runs = configurations * benchmark.seeds
        middle = own["lr"].sort_values().iloc[(len(own) - 1) // 2]  # a rate that was tried
        parameter = own["parameter"].mode()
        records.append(
            (*unit.names, configurations, benchmark.seeds, runs, runs * benchmark.training.steps,
             own["lr"].min(), middle, own["lr"].max(),
             parameter.iloc[0] if len(parameter) else float("nan"), _edge_share(unit, lr))
        )  # fmt: skip
    frame = pd.DataFrame(records, columns=COLUMNS)
    order = {key: at for at, key in enumerate(rows[UNIT].itertuples(index=False, name=None))}
    places = [order[key] for key in frame[UNIT].itertuples(index=False, name=None)]
    return frame.iloc[np.argsort(places, kind="stable")].reset_index(drop=True)


def _edge_share(unit: UnitCells, lr: "np.ndarray[Any, np.dtype[np.float64]]") -> float:
    """Share of seeds whose best score lies at the lowest or highest rate and nowhere else."""
    whole = np.isfinite(unit.scores).all(axis=1)
    if not whole.any():
        return float("nan")
    tried = unit.rows[:, unit.tuned]
    rates = lr[tried[np.flatnonzero(whole)[0]]]
    if len(set(rates)) < 3 or (tried[whole] == NONE).any():
        return float("nan")
    at_edge = (rates == rates.min()) | (rates == rates.max())
    scores = unit.scores[whole]
    return float((scores[:, at_edge].max(axis=1) > scores[:, ~at_edge].max(axis=1)).mean())


def rate_response(configurations: pd.DataFrame, metric: str, minimised: bool) -> pd.DataFrame:
    """Score against learning rate: task, learner, loss, lr, n, mean, low, high (95 % t interval).

    At each rate every seed has the parameter that is best on its own inner_valid, as under the
    primary policy; only rates that tuning chose among are listed. `configurations`: as in
    ReportData; minimised: whether less of inner is better.
    """
    tuned = configurations[configurations["is_tuned"] & configurations["inner"].notna()]
    best = tuned.sort_values("inner", ascending=minimised, kind="stable")
    best = best.drop_duplicates([*UNIT, "seed", "lr"]).dropna(subset=[metric])
    records = []
    for key, own in best.groupby([*UNIT, "lr"], sort=False):
        band = column_intervals(own[metric].to_numpy(dtype=float)[:, None])
        records.append(
            (*key, len(own), *(float(end[0]) for end in (band.mean, band.low, band.high)))
        )
    frame = pd.DataFrame(records, columns=[*UNIT, "lr", "n", "mean", "low", "high"])
    return frame.sort_values([*UNIT, "lr"], ignore_index=True)
