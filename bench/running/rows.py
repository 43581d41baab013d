"""What became of a job's learners, as the store keeps it."""

from collections.abc import Sequence
from dataclasses import asdict

from bench.cells.provenance import provenance
from bench.cells.training import Outcome, TrainingJob
from bench.store.store import Row
from mln.learners import learner_name


def cell_rows(
    job: TrainingJob, outcomes: Sequence[Outcome], where: dict[str, object] | None
) -> list[Row]:
    """Rows of `cells`; `where` is the machine of a worker elsewhere."""
    about_run = provenance(job.device, job.kernel, where)
    about = {
        "unit": job.unit,
        "task": job.task,
        "learner": learner_name(job.learner),
        "loss": job.loss.name,
        "parameter": job.loss.parameter,
    }
    rows = []
    for outcome in outcomes:
        row = asdict(outcome)
        seconds = row.pop("seconds")
        rows.append(about | row | {"provenance": about_run | {"seconds": seconds}})
    return rows
