"""A study whose trials take a fraction of a second, and workers inside the test's own process."""

import os
import time
from collections.abc import Sequence
from typing import Any

from bench.experiment import Experiment
from studies.outcome import StudyResult, TrialFailure, TrialOutcome
from studies.worker import Job, evaluate


def experiment(*, settings: dict[str, Any] | None = None, **study: Any) -> Experiment:
    config = {
        "name": "tiny",
        "seed": 3,
        "evolution": {
            "families": ["blobs_2", "moons"],
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
            "trials": 6,
            "batch": 2,
            "startup_trials": 3,
            "budget": 300,
            "rungs": 3,
            "families": ["blobs_2", "circles"],
            "tasks": 3,
            "populations": [4, 6],
            **study,
        },
        "tuning": {"rates": [0.01, 0.1]},
    }
    return Experiment.model_validate(config)


class Inline:
    """Stands in for `studies.worker.Workers`: no processes, so that a test is quick."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __enter__(self) -> "Inline":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def evaluate(self, jobs: Sequence[Job]) -> list[TrialOutcome | TrialFailure]:
        return [self.one(job) for job in jobs]

    def one(self, job: Job) -> TrialOutcome | TrialFailure:
        return evaluate(job)


def content(result: StudyResult) -> list[tuple[Any, ...]]:
    return [tuple(trial) for trial in result.trials]


class Instant(Inline):
    """Outcomes by formula: a function of parameters and slot, as real ones are."""

    def one(self, job: Job) -> TrialOutcome | TrialFailure:
        sigma = float(job.params.get("evolution.settings.genetic.mutation_sigma", 0.2))
        population = int(job.params["evolution.settings.population"])
        values = tuple(sigma * k + population + job.slot / 100 for k in (1, 2, 3))
        return TrialOutcome(values[-1], (100, 200, 300), values, 300)


def sabotaged(job: Job) -> TrialOutcome:
    """Dies, fails, sleeps or succeeds, as the slot says."""
    if job.slot == 0:
        os._exit(9)
    if job.slot == 1:
        raise RuntimeError("oh no\nmore")
    if job.slot == 3:
        time.sleep(60)
    return TrialOutcome(float(job.slot), (1,), (float(job.slot),), 1)
