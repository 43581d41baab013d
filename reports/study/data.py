"""A study and the benchmarks of its winner and of the default, read from the store."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.errors import InputError
from bench.experiment.model import Experiment
from bench.store.store import Store
from reports.data import search as load_search
from reports.data.load import ReportData, load
from reports.page.write import records


@dataclass(frozen=True)
class StudyData:
    """A study, and the benchmarks of its winner and of the default (None: not run)."""

    experiment: Experiment
    study: str
    trials: pd.DataFrame
    intermediate: pd.DataFrame
    importances: pd.DataFrame
    winner: ReportData | None
    default: ReportData | None


def load_study(store: Store, winner: Experiment, default: Experiment | None = None) -> StudyData:
    """Read a study and what was benchmarked with its best settings and with the default ones.

    Raises InputError where the experiment has no study, none of its trials is stored, or the two
    experiments differ in more than the evolution's settings.
    """
    section = winner.study
    if section is None:
        raise InputError(f"experiment {winner.name}: has no [study] section")
    trials, intermediate, importances = load_search.study(store, section.name)
    if trials.empty:
        raise InputError(
            f"{winner.name}: nothing to report yet; run `mln-bench study` with this experiment "
            "and the same --storage first"
        )
    if default is not None:
        _check_alike(winner, default)
    return StudyData(
        winner, section.name, trials, intermediate, importances,
        _benchmarked(store, winner), _benchmarked(store, default),
    )  # fmt: skip


def _benchmarked(store: Store, experiment: Experiment | None) -> ReportData | None:
    if experiment is None or experiment.benchmark is None:
        return None
    try:
        return load(store, experiment)
    except InputError:
        return None


def _check_alike(winner: Experiment, default: Experiment) -> None:
    for name in ("seed", "benchmark", "tuning", "report"):
        if getattr(winner, name) != getattr(default, name):
            raise InputError(
                f"{default.name}: its {name} differs from that of {winner.name}; winner and "
                "default may differ in the evolution's settings alone"
            )


def best_trial(data: StudyData) -> dict[str, Any]:
    """The complete trial with the largest value; {} if there is none."""
    complete = data.trials[data.trials["value"].notna()]
    if complete.empty:
        return {}
    place = int(complete["value"].astype(float).to_numpy().argmax())
    return records(complete.iloc[[place]])[0]
