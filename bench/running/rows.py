"""What became of a job's learners, as the store keeps it."""

from collections.abc import Sequence
from dataclasses import asdict

from bench.cells.provenance import provenance
from bench.cells.training import Outcome, TrainingJob
from bench.cells.tuning import score_of
from bench.store.store import Row
from mln.learners import learner_name


def tuning_rows(
    job: TrainingJob, outcomes: Sequence[Outcome], metric: str, where: dict[str, object] | None
) -> list[Row]:
    """Rows of `tunings`, scored by a metric; `where` is the machine of a worker elsewhere."""
    about_run = provenance(job.device, job.kernel, where)
    return [
        _about(job)
        | {
            "key": outcome.key,
            "lr": outcome.lr,
            "seed": outcome.seed,
            "status": outcome.status,
            "score": score_of(outcome, metric, job.training.steps),
            "provenance": about_run | {"seconds": outcome.seconds},
        }
        for outcome in outcomes
    ]


def cell_rows(
    job: TrainingJob, outcomes: Sequence[Outcome], where: dict[str, object] | None
) -> list[Row]:
    """Rows of `cells`; `where` is the machine of a worker elsewhere."""
    about_run = provenance(job.device, job.kernel, where)
    rows = []
    for outcome in outcomes:
        row = asdict(outcome)
        seconds = row.pop("seconds")
        rows.append(_about(job) | row | {"provenance": about_run | {"seconds": seconds}})
    return rows


def _about(job: TrainingJob) -> Row:
    return {
        "task": job.task,
        "learner": learner_name(job.learner),
        "loss": job.loss.name,
        "parameter": job.loss.parameter,
    }
