"""Studies whose trials take a fraction of a second, run inside the test's own process."""

import os
import time
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from bench.experiment.model import Experiment
from bench.experiment.study import ConfirmStudy, ScreenStudy
from mln.config import LossSpec
from studies import run as run_module
from studies.outcome import FamilyGain, ReportValue, Run, StudyResult, TrialJob, TrialOutcome
from studies.plan import instances, points
from studies.run import Workers, run_study
from studies.slots import worker_name
from studies.space import MODE, MUTATION_SIGMA, POPULATION, SWITCH_POINT
from studies.storage import _storage
from studies.worker import work

FOUR = [MODE, POPULATION, MUTATION_SIGMA, SWITCH_POINT]
NUMBERS = {
    MODE: "hybrid",
    POPULATION: {"low": 4, "high": 6, "step": 2},
    MUTATION_SIGMA: {"low": 0.05, "high": 0.5, "log": True},
    SWITCH_POINT: {"low": 0.2, "high": 0.8},
}
"""A space without conditions, for the samplers that need one."""

OF_WORKERS = [field.name for field in fields(Workers)]

KINDS: dict[str, dict[str, Any]] = {
    "screen": {"kind": "screen", "trials": 6, "startup_trials": 3, "rungs": 3, "reduction": 2},
    "confirm": {"kind": "confirm", "trials": 5, "startup_trials": 2, "seeds": 5},
    "ablate": {
        "kind": "ablate",
        "seeds": 2,
        "factors": {MODE: ["ga", "es", "hybrid"], SWITCH_POINT: [0.3, 0.7]},
    },
}


def experiment(
    kind: str = "screen",
    *,
    settings: dict[str, Any] | None = None,
    validation: Sequence[str] = (),
    **study: Any,
) -> Experiment:
    space = {} if kind == "ablate" else {"tune": FOUR, "space": {POPULATION: [4, 6]}}
    config = {
        "name": "tiny",
        "seed": 3,
        "evolution": {
            "families": ["blobs_2", "moons"],
            "validation": validation,
            "loss": {"hidden": 2},
            "settings": {
                "population": 4,
                "budget": 1000,
                "tasks_per_generation": 2,
                "training": {"steps": 5, "batch_size": 4},
                "learner": {"hidden": [4]},
                "genetic": {"elites": 1, "tournament": 2},
                **(settings or {}),
            },
        },
        "study": {
            "name": "tiny settings",
            "budget": 300,
            "families": ["blobs_2", "circles"],
            "tasks": 3,
            "paper_defaults": False,
            **space,
            **KINDS[kind],
            **study,
        },
        "tuning": {"rates": [0.01, 0.1]},
    }
    if kind != "confirm":
        config["study"].pop("paper_defaults")
    return Experiment.model_validate(config)


def untuned(kind: str = "screen", **study: Any) -> Experiment:
    """An experiment with the evolution's own defaults, and the whole space unless narrowed."""
    unset: dict[str, Any] = {"budget": 10_000_000}
    if kind != "ablate":
        unset |= {"tune": None, "space": {}}
    config = {"name": "x", "evolution": {"families": ["moons"]}}
    evolution = Experiment.model_validate(config).evolution
    return experiment(kind, **{**unset, **study}).model_copy(update={"evolution": evolution})


def instant(job: TrialJob, report: ReportValue) -> TrialOutcome:
    """A trial by formula: a function of the job, as real ones are, with reports and rows."""
    study = job.experiment.study
    assert study is not None
    level = 0.0
    for at, (_, value) in enumerate(sorted(job.params.items()), start=1):
        level += at * value if isinstance(value, int | float) else 0.1 * len(str(value))
    if isinstance(study, ScreenStudy):
        steps, asks = list(points(study)), {0, 1}
    elif isinstance(study, ConfirmStudy):
        order = instances(job.experiment.seed, study)
        steps = [seed * study.tasks + task for seed, task in order]
        asks = {4 * study.tasks - 1}
    else:
        steps, asks = [0, 1], set()
    values = []
    for at, step in enumerate(steps):
        noise = np.random.default_rng([step, int(1e6 * level)]).normal()
        values.append(level + 0.01 * float(noise))
        if report(values[-1], step, at in asks):
            break
    is_pruned = len(values) < len(steps)
    value = values[-1] if isinstance(study, ScreenStudy) else float(np.mean(values))
    gain = FamilyGain("blobs_2", np.arange(2), np.full(2, value), 0)
    run = Run(0, LossSpec(), np.zeros(1, np.float32), [], None, 300, (gain,))
    return TrialOutcome(value, is_pruned, tuple(steps[: len(values)]), tuple(values), (run,))


def priced(job: TrialJob, report: ReportValue) -> TrialOutcome:
    """As `instant`, at the cost of the budget that it has."""
    outcome = instant(job, report)
    budget = int(job.params["evolution.settings.budget"])
    (run,) = outcome.runs
    value = float(np.random.default_rng(job.slot).normal())
    return outcome._replace(value=value, runs=(run._replace(member_steps=budget),))


def uneven(job: TrialJob, report: ReportValue) -> TrialOutcome:
    """As `instant`, judged on clean and on noisy tasks: a large gain on one costs the other."""
    report(0.0, 300, False)
    at = sum(value for value in job.params.values() if isinstance(value, float))
    gains = tuple(
        FamilyGain(family, np.arange(2), np.full(2, gain), 0)
        for family, gain in (("moons", 0.1 * at), ("moons+noise=0.2", 0.02 - 0.05 * at**2))
    )
    run = Run(0, LossSpec(), np.zeros(1, np.float32), [], None, 300, gains)
    value = float(np.mean([gain.gains.mean() for gain in gains]))
    return TrialOutcome(value, False, (300,), (value,), (run,))


def leisurely(job: TrialJob, report: ReportValue) -> TrialOutcome:
    """As `instant`, but there is time to be killed, and no picture is drawn."""
    time.sleep(0.1)
    outcome = instant(job, report)
    time.sleep(0.1)
    return outcome._replace(runs=())


def faulty(job: TrialJob, report: ReportValue) -> TrialOutcome:
    """Slot 1 raises."""
    if job.slot == 1:
        raise ValueError("oh no\nmore")
    return instant(job, report)


def deadly(job: TrialJob, report: ReportValue) -> TrialOutcome:
    """Slot 1 kills its process."""
    if job.slot == 1:
        os._exit(9)
    return leisurely(job, report)


class Inline(run_module._WorkerProcesses):
    """Works in the test's own process instead of starting others, so that a test is quick."""

    def _start_one(self) -> None:
        if not self.slots.are_done(self.job.total):
            work(self.job, worker_name())


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Studies run without processes and leave no files."""
    monkeypatch.setattr(run_module, "_WorkerProcesses", Inline)
    monkeypatch.setattr("studies.records._upload", lambda *_: None)


def run(experiment: Experiment, url: str, **arguments: Any) -> StudyResult:
    """Run a study with trials by formula; arguments of Workers or of run_study."""
    given = {"evaluate": instant, "grace": 0.0, **arguments}
    workers = Workers(**{name: given.pop(name) for name in OF_WORKERS if name in given})
    return run_study(experiment, url, Path("/nowhere"), workers=workers, **given)


def system_attrs(study: optuna.Study) -> dict[str, Any]:
    """What the dashboard keeps of a study."""
    return study._storage.get_study_system_attrs(study._study_id)


def find_study(experiment: Experiment, url: str) -> optuna.Study:
    """The study, as anybody sees it."""
    assert experiment.study is not None
    return optuna.load_study(study_name=experiment.study.name, storage=_storage(url))


def content(result: StudyResult, *, numbers: bool = True) -> list[tuple[Any, ...]]:
    """The trials of a study as plain values."""
    trials = result.trials if numbers else tuple(t._replace(number=0) for t in result.trials)
    return [tuple(trial) for trial in trials]
