"""What each policy chose for each seed, and what it could not choose."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.experiment.model import Experiment
from bench.policies import NONE, POLICIES, Policy
from reports.data.cells import UNIT
from reports.data.metrics import is_minimised
from reports.data.model import IDENTITY

NOT_RUN = "not run yet"
NO_OTHERS = "no other seed was trained in every configuration"


class UnitCells(NamedTuple):
    """The cells of one task, learner and loss.

    names: task, learner, loss. rows [S, K]: where each seed's cell of each configuration lies in
    the table of all cells, or NONE. tuned [K]: the places that tuning chooses among; common: that
    of the declared configuration. scores [S, tuned]: on inner_valid, larger is better; NaN where
    there is no result.
    """

    names: tuple[str, str, str]
    rows: NDArray[np.int64]
    tuned: NDArray[np.int64]
    common: int
    scores: NDArray[np.float64]


def unit_cells(
    units: pd.DataFrame, every: pd.DataFrame, seeds: int, minimised: bool
) -> Iterator[UnitCells]:
    """The cells of all units, in the order of `units`; minimised: whether less of inner is better.

    `common` is NONE where no configuration is declared, as in results that were given.
    """
    sign = -1.0 if minimised else 1.0
    inner = sign * every["inner"].to_numpy(dtype=float)
    seed, place = every["seed"].to_numpy(dtype=int), every["place"].to_numpy(dtype=int)
    # Positions, not labels: `every` has a plain index.
    groups = every.groupby(UNIT, sort=False).indices
    for task, learner, loss, declared in units[[*UNIT, "configurations"]].itertuples(
        index=False, name=None
    ):
        own = groups.get((task, learner, loss), np.zeros(0, dtype=np.int64))
        rows = np.full((seeds, len(declared)), NONE, dtype=np.int64)
        rows[seed[own], place[own]] = own
        tuned = np.flatnonzero([each["is_tuned"] for each in declared])
        common = next((k for k, each in enumerate(declared) if each["is_common"]), NONE)
        tried = rows[:, tuned]
        scores = np.where(tried == NONE, np.nan, inner[tried] if len(inner) else np.nan)
        yield UnitCells((task, learner, loss), rows, tuned, common, scores)


def choose(
    experiment: Experiment, units: pd.DataFrame, every: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The chosen cells (IDENTITY, lr, parameter, status, key), and what is missing (IDENTITY,
    reason).

    units, every: as `reports.data.cells` reads them.
    """
    seeds = experiment.benchmark.seeds if experiment.benchmark else 0
    # With one seed there are no others.
    policies = [name for name in POLICIES if seeds > 1 or name != "pooled"]
    failed = (every["status"] == "failed").to_numpy()
    detail = every["detail"].to_numpy()
    picked: dict[str, list[Any]] = {"row": [], "policy": []}
    missing = []
    minimised = is_minimised(experiment.tuning.metric, experiment.report)
    for unit in unit_cells(units, every, seeds, minimised):
        for name in policies:
            places = _places(POLICIES[name], unit)
            rows = np.where(places == NONE, NONE, unit.rows[np.arange(seeds), places])
            usable = (rows != NONE) & ~failed[rows]
            picked["row"].extend(rows[usable].tolist())
            picked["policy"].extend([name] * int(usable.sum()))
            for seed in np.flatnonzero(~usable).tolist():
                wanted = unit.tuned if places[seed] == NONE else [places[seed]]
                needed = unit.rows[seed, wanted]
                lost = [row for row in needed if row != NONE and failed[row]]
                if lost:
                    reason = f"failed: {detail[lost[0]]}"
                elif (needed == NONE).any():
                    reason = NOT_RUN
                elif np.isfinite(unit.scores[seed]).all():
                    reason = NO_OTHERS
                else:
                    reason = f"no {experiment.tuning.metric} on inner_valid"
                missing.append((*unit.names, seed, name, reason))
    chosen = every.iloc[picked["row"]].assign(policy=picked["policy"])
    return (
        chosen[[*IDENTITY, "lr", "parameter", "status", "key"]].reset_index(drop=True),
        pd.DataFrame(missing, columns=[*IDENTITY, "reason"]),
    )


def _places(policy: Policy, unit: UnitCells) -> NDArray[np.int64]:
    """The place of each seed's configuration among all, or NONE."""
    if policy.choose is None:
        return np.full(len(unit.rows), unit.common)
    best = policy.choose(unit.scores)
    places: NDArray[np.int64] = np.where(best == NONE, NONE, unit.tuned[best])
    return places
