"""Stored cells: a light table of all of them, and the details of those that were chosen."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import select

from bench.catalogue.metrics import METRICS
from bench.experiment.model import Experiment
from bench.store import schema as tables
from bench.store.store import Store
from reports.data.curves import CurveBuilder

USABLE = ("done", "diverged")
FETCHED, BATCH = 2000, 500
UNIT = ["task", "learner", "loss"]


def read_units(store: Store, fingerprint: str) -> pd.DataFrame:
    """What an experiment trains: task, learner, loss, unit, configurations."""
    rows = store.rows(tables.units, fingerprint=fingerprint)
    return pd.DataFrame(rows, columns=[*UNIT, "unit", "configurations"])


def read_configurations(store: Store, experiment: Experiment, units: pd.DataFrame) -> pd.DataFrame:
    """All cells of an experiment, in the order of their units, seeds and places.

    Columns: task, learner, loss, seed, lr, parameter, is_tuned, is_common, status, inner, the
    declared metric, detail (why it failed), key, place (in the unit's list of configurations). A
    diverged learner has the worst score of each metric, not none.
    """
    if units.empty:
        return pd.DataFrame()
    benchmark, report, tuning = experiment.benchmark, experiment.report, experiment.tuning
    cells = tables.cells.c
    statement = (
        select(
            tables.units.c.task, tables.units.c.learner, tables.units.c.loss, cells.seed, cells.lr,
            cells.parameter, cells.status, cells.inner[tuning.metric].as_float().label("inner"),
            cells.metrics[report.metric].as_float().label("score"), cells.detail, cells.key,
        )
        .select_from(tables.units_with_cells)
        .where(tables.units.c.fingerprint == experiment.fingerprint())
        .where(cells.seed < (benchmark.seeds if benchmark else 0))
    )  # fmt: skip
    with store.engine.connect().execution_options(yield_per=FETCHED) as connection:
        names = [*UNIT, "seed", "lr", "parameter", "status", "inner", "score", "detail", "key"]
        # By column: pandas looks at every field of every row that is no plain tuple.
        columns = zip(*connection.execute(statement).all(), strict=True)
        stored = pd.DataFrame(dict(zip(names, columns, strict=False)), columns=names)
    declared = pd.DataFrame(
        [
            (*unit, each["lr"], each["parameter"], each["is_tuned"], each["is_common"], place)
            for *unit, configurations in units[[*UNIT, "configurations"]].itertuples(
                index=False, name=None
            )
            for place, each in enumerate(configurations)
        ],
        columns=[*UNIT, "lr", "parameter", "is_tuned", "is_common", "place"],
    )
    for frame in (stored, declared):
        frame["parameter"] = frame["parameter"].astype(float)
    # pandas joins NaN with NaN: the losses that have no parameter.
    every = stored.merge(declared, on=[*UNIT, "lr", "parameter"], how="inner")
    steps = benchmark.training.steps if benchmark else 1
    diverged = every["status"] == "diverged"
    every["inner"] = every["inner"].astype(float)
    every[report.metric] = every.pop("score").astype(float)
    every.loc[diverged, "inner"] = METRICS[tuning.metric].worst_after(steps)
    every.loc[diverged, report.metric] = report.worst
    every.loc[~every["status"].isin(USABLE), "inner"] = np.nan
    shown = [
        *UNIT, "seed", "lr", "parameter", "is_tuned", "is_common", "status", "inner",
        report.metric, "detail", "key", "place",
    ]  # fmt: skip
    return every[shown].sort_values([*UNIT, "seed", "place"], ignore_index=True)


@dataclass
class Chosen:
    """Details of chosen cells, each once: `places` maps a key to its place in all the lists."""

    places: dict[str, int] = field(default_factory=dict)
    metrics: dict[str, list[float]] = field(default_factory=dict)
    curves: CurveBuilder = field(default_factory=CurveBuilder)
    seconds: list[float] = field(default_factory=list)
    processors: list[str] = field(default_factory=list)
    provenance: dict[str, set[str]] = field(default_factory=dict)
    _about: dict[str, Any] | None = None

    def add(
        self,
        key: str,
        metrics: dict[str, float | None],
        curve: dict[str, list[float | None]],
        provenance: dict[str, Any] | None,
    ) -> None:
        """Take one cell."""
        for name in metrics:
            if name not in self.metrics:
                self.metrics[name] = [float("nan")] * len(self.places)
        for name, values in self.metrics.items():
            value = metrics.get(name)
            values.append(float("nan") if value is None else float(value))
        self.places[key] = len(self.places)
        self.curves.add(curve)
        about = dict(provenance or {})
        self.seconds.append(float(about.pop("seconds", "nan")))
        # A GPU's model decides the last bits as a processor's does.
        models = [about.get("device model"), about.get("processor")]
        self.processors.append(", ".join(str(model) for model in models if model))
        if about != self._about:
            self._about = about
            for entry, text in _flat(about):
                self.provenance.setdefault(entry, set()).add(text)

    def mixed_processors(self, chosen: pd.DataFrame) -> int:
        """Groups of paired cells that were not all computed on one model of device."""
        models = np.array(self.processors)[chosen["key"].map(self.places).to_numpy(dtype=int)]
        known = chosen[models != ""].assign(processor=models[models != ""])
        groups = known.groupby(["task", "learner", "seed", "policy"])["processor"].nunique()
        return int((groups > 1).sum())


def read_chosen(store: Store, chosen: pd.DataFrame) -> Chosen:
    """The details of the cells that any policy chose."""
    found, cells = Chosen(), tables.cells.c
    columns = select(cells.key, cells.metrics, cells.curve, cells.provenance)
    with store.engine.connect() as connection:
        wanted = list(dict.fromkeys(chosen["key"]))
        for start in range(0, len(wanted), BATCH):
            keys = wanted[start : start + BATCH]
            rows = {
                key: (key, *details)
                for key, *details in connection.execute(columns.where(cells.key.in_(keys)))
            }
            for key in keys:
                found.add(*rows[key])
    return found


def _flat(value: Any, name: str = "") -> "list[tuple[str, str]]":
    """Every entry of a cell's provenance, times left out: they are no version of anything."""
    if isinstance(value, dict):
        return [pair for key, entry in value.items() for pair in _flat(entry, str(key))]
    if isinstance(value, float):
        return []
    return [(name, " ".join(map(str, value)) if isinstance(value, list) else str(value))]
