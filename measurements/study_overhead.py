"""What the machinery of studies costs per trial: all but the evaluation, from claim to report.

That is Optuna's proposal and reports, the slot, the attributes, and the picture, table and loss
file of the trial. In this process, on SQLite: `python measurements/study_overhead.py`.
"""

import tempfile
import time
from pathlib import Path
from statistics import median

from bench.experiment.model import load
from bench.store.store import Store
from studies import worker
from studies.outcome import ReportValue, TrialJob, TrialOutcome
from studies.plan import plan
from studies.slots import Claim, StudySlots, worker_name
from studies.storage import create_study
from studies.worker import evaluate_trial

TRIALS, TRIAL_SECONDS = 6, 10.0

Seconds = tuple[float, float]
evaluations: list[Seconds] = []
totals: list[Seconds] = []


def now() -> Seconds:
    """Wall-clock and processor seconds."""
    return time.perf_counter(), time.process_time()


def since(start: Seconds) -> Seconds:
    """Wall-clock and processor seconds that have gone by."""
    wall, processor = now()
    return wall - start[0], processor - start[1]


def timed_evaluate(job: TrialJob, report: ReportValue) -> TrialOutcome:
    """Evaluate a trial, and note how long that took; what Optuna does meanwhile is machinery."""
    inside = [0.0, 0.0]

    def timed_report(value: float, step: int, saves_work: bool) -> bool:
        start = now()
        stops = report(value, step, saves_work)
        for at, seconds in enumerate(since(start)):
            inside[at] += seconds
        return stops

    start = now()
    outcome = evaluate_trial(job, timed_report)
    wall, processor = since(start)
    evaluations.append((wall - inside[0], processor - inside[1]))
    return outcome


class TimedWorker(worker._Worker):
    """Notes how long whole trials take."""

    def do(self, claim: Claim) -> None:
        """One slot, with its time."""
        start = now()
        super().do(claim)
        totals.append(since(start))


def main() -> None:
    """Run some trials and print what they cost."""
    experiment = load(
        "screening", [f"study.trials={TRIALS}", "study.budget=200000", "study.rungs=2"]
    )
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/mln.db"
        create_study(experiment, url)
        todo = plan(experiment)
        assert experiment.study is not None
        store = Store(url)
        StudySlots(store, experiment.study.name).add_missing(todo, TRIALS)
        store.close()
        worker._Worker = TimedWorker  # type: ignore[misc]
        job = worker.WorkerJob(experiment, todo, TRIALS, url, Path(folder), timed_evaluate)
        worker.work(job, worker_name())
    # The first trial also imports what the others find imported.
    rest = [
        (total[0] - inner[0], total[1] - inner[1])
        for total, inner in list(zip(totals, evaluations, strict=True))[1:]
    ]
    wall, processor = median(w for w, _ in rest), median(p for _, p in rest)
    print(f"machinery per trial, median of {len(rest)}: {wall:.2f} s, {processor:.2f} s processor")
    shares = f"{wall / TRIAL_SECONDS:.1%}, {processor / TRIAL_SECONDS:.1%} by processor time"
    print(f"of a trial of {TRIAL_SECONDS:.0f} s: {shares}")


if __name__ == "__main__":
    main()
