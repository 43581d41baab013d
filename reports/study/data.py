"""A study and the benchmarks of its winner and of the default, read from the store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeGuard

import pandas as pd

from bench.describing.model import TaskDescription, read_descriptions
from bench.errors import InputError
from bench.experiment.model import Experiment
from bench.experiment.study import ConfirmStudy, ScreenStudy, StudyBase
from bench.store import schema as tables
from bench.store.store import Store
from reports.data import search as load_search
from reports.data.load import load
from reports.data.model import ReportData
from reports.page.write import records
from reports.study.confirmed import Confirmation, load_confirmation
from reports.verdicts.verdict import Rules

FIXED = ("slot", "number", "state", "value", "member_steps", "worst_regime")
"""Columns of a study's trials that are no setting."""

MIN_TRIALS = 50
"""Trials from which importances are evidence."""


@dataclass(frozen=True)
class StudyData:
    """A study, and the benchmarks of its winner and of the default (None: not run).

    trials, intermediate, importances: as in `reports.data.load.ReportData`. best: the best
    trial's row of `trials` as plain values, {} where no trial is complete and feasible.
    infeasible: the slots in which more learners diverged than the study allows. is_finished:
    whether the study's command came to its end. searched: what was understood of the tasks that
    trials were judged on. protocol and front: as in mln_studies. confirmation: of a confirmation,
    its named configurations by evolution seed.
    """

    experiment: Experiment
    study: str
    trials: pd.DataFrame
    intermediate: pd.DataFrame
    importances: pd.DataFrame
    best: Mapping[str, Any]
    infeasible: frozenset[int]
    is_finished: bool
    winner: ReportData | None
    default: ReportData | None
    searched: tuple[TaskDescription, ...] = ()
    protocol: Mapping[str, Any] = field(default_factory=dict)
    front: Sequence[Mapping[str, Any]] = ()
    confirmation: Confirmation | None = None

    @property
    def descriptions(self) -> list[TaskDescription]:
        """What was understood of all tasks, those of the benchmarks first."""
        parts = [part.descriptions for part in (self.winner, self.default) if part is not None]
        every = [each for part in (*parts, self.searched) for each in part]
        return list({each.task: each for each in reversed(every)}.values())[::-1]

    @property
    def complete(self) -> pd.DataFrame:
        """The trials that have a value, feasible or not."""
        return self.trials[self.trials["value"].notna()]

    @property
    def excluded(self) -> pd.DataFrame:
        """The complete trials that cannot be the best, since they are infeasible."""
        return self.complete[self.complete["slot"].isin(self.infeasible)]

    @property
    def parameters(self) -> list[str]:
        """Names of the tuned settings."""
        return [str(name) for name in self.trials.columns if name not in FIXED]


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
    infeasible = infeasible_slots(store, section)
    stored = store.rows(tables.studies, study=section.name)
    slots = store.rows(tables.slots, study=section.name)
    least = section.min_worst_regime if _has_worst_regime(section) else None
    place = best_place(trials, infeasible, stored[0]["best"] if stored else None, least)
    return StudyData(
        experiment=winner,
        study=section.name,
        trials=trials,
        intermediate=intermediate,
        importances=importances,
        best={} if place is None else records(trials.iloc[[place]])[0],
        infeasible=infeasible,
        is_finished=bool(stored) and all(slot["state"] == "done" for slot in slots),
        winner=_benchmarked(store, winner),
        default=_benchmarked(store, default),
        searched=tuple(read_descriptions(stored[0]["protocol"].get("described") if stored else ())),
        protocol=stored[0]["protocol"] if stored else {},
        front=stored[0]["front"] if stored else (),
        confirmation=_confirmation(store, winner, section),
    )


def infeasible_slots(store: Store, study: StudyBase) -> frozenset[int]:
    """The slots of which more judged learners diverged than `study.max_diverged` allows."""
    columns = ["slot", "diverged", "tasks"]
    gains = pd.DataFrame(store.rows(tables.gains, study=study.name), columns=columns)
    judged = gains.groupby("slot")[["diverged", "tasks"]].sum()
    over = judged.index[judged["diverged"] > study.max_diverged * judged["tasks"]]
    return frozenset(map(int, over))


def best_place(
    trials: pd.DataFrame,
    infeasible: frozenset[int],
    stored: Mapping[str, Any] | None,
    min_worst_regime: float | None = None,
) -> int | None:
    """The row of the best trial; None if there is none.

    `stored`: what the study stored as its best at its end ({}: no trial was feasible), None if
    it has not come to its end. Then the best so far is the feasible complete trial with the
    largest value, of equals the first slot; where the worst regime is an objective, of those whose
    worst regime gains more than `min_worst_regime`, or else the one whose worst regime is best.
    """
    if stored is None:
        usable = trials[trials["value"].notna() & ~trials["slot"].isin(infeasible)]
        ranked = usable.sort_values(["value", "slot"], ascending=[False, True])
        if min_worst_regime is not None and len(ranked):
            worst = ranked["worst_regime"].astype(float)
            kept = ranked[worst > min_worst_regime]
            ranked = kept if len(kept) else ranked.loc[[worst.idxmax()]]
        return int(ranked.index[0]) if len(ranked) else None
    places = trials.index[trials["slot"] == stored.get("slot")]
    return int(places[0]) if len(places) else None


def _benchmarked(store: Store, experiment: Experiment | None) -> ReportData | None:
    if experiment is None or experiment.benchmark is None:
        return None
    try:
        return load(store, experiment)
    except InputError:
        return None


def _confirmation(store: Store, experiment: Experiment, study: StudyBase) -> Confirmation | None:
    if not isinstance(study, ConfirmStudy):
        return None
    report = experiment.report
    rules = Rules("maximise", report.rope, report.alpha)
    return load_confirmation(
        store, study.name, study.incumbent_from, study.seeds, rules, report.metric
    )


def _has_worst_regime(study: StudyBase) -> TypeGuard[ScreenStudy]:
    return isinstance(study, ScreenStudy) and study.has_worst_regime


def _check_alike(winner: Experiment, default: Experiment) -> None:
    for name in ("seed", "benchmark", "tuning", "report"):
        if getattr(winner, name) != getattr(default, name):
            raise InputError(
                f"{default.name}: its {name} differs from that of {winner.name}; winner and "
                "default may differ in the evolution's settings alone"
            )
