"""Run a study: worker processes on its slots, watched until all are done, whoever does them.

Any number of these may run at a time on one PostgreSQL, on any machines, or on one SQLite file.
"""

import multiprocessing
import time
from collections.abc import Callable, Collection
from multiprocessing.process import BaseProcess
from pathlib import Path

import optuna

from bench.catalogue import plugins
from bench.errors import InputError
from bench.experiment.model import Experiment
from bench.store.store import Store
from bench.workers.processes import deaf_to_interrupts, end_at_once
from studies.finalize import finalize
from studies.outcome import Evaluate, StudyProgress, StudyResult
from studies.plan import study_of
from studies.results import planned, trials_of
from studies.slots import GRACE_SECONDS, Slots, worker_name
from studies.storage import create_study, loaded
from studies.telling import fail_lost, mend
from studies.worker import WorkerJob, evaluate_trial, work_in_process

Report = Callable[[StudyProgress], None]

WATCH_SECONDS = 0.3
MOST_EARLY_DEATHS = 3
"""Workers that may end one after the other without having taken a slot."""


def run_study(
    experiment: Experiment,
    url: str,
    artifacts: Path,
    *,
    workers: int = 1,
    trials: int | None = None,
    progress: Report | None = None,
    evaluate: Evaluate = evaluate_trial,
    grace: float = GRACE_SECONDS,
) -> StudyResult:
    """Bring the experiment's study to `trials` finished slots in all (default: what it plans).

    A study that was stopped goes on; a finished one is extended by a larger `trials`. Slots that
    failed are tried again. One worker, stopped between trials and resumed, does what an
    uninterrupted one does, bit for bit; with several, each unpruned value is still a pure
    function of its parameters and slot. A worker that dies is replaced, and its slot tried again
    with the same parameters. `progress` is told of each change; `evaluate` and `grace` are for
    tests.

    Raises:
        InputError: settings, storage or study do not fit; nothing was evaluated.
        KeyboardInterrupt: the workers were ended and their slots opened again; running this again
            continues.
    """
    if workers < 1:
        raise InputError(f"workers must be at least 1, not {workers}")
    plan = planned(experiment, url)
    total = plan.total if trials is None else trials
    if total < 1:
        raise InputError(f"trials must be at least 1, not {total}")
    if plan.owed and len(plan.owed) == plan.total and total > plan.total:
        raise InputError(f"trials: this study has {plan.total} cells in all, not {total}")
    create_study(experiment, url)
    store = Store(url)
    files = plugins.loaded_files()
    job = WorkerJob(experiment, plan, total, url, artifacts, evaluate, grace, files)
    try:
        with loaded(experiment, url, plan) as (study, _):
            slots = Slots(store, study.study_name)
            slots.owe(plan, total)
            slots.retry_failed(total)
            crew = _Crew(job, slots, study)
            crew.clear()
            if not slots.are_done(total):
                _watch(crew, workers, store, experiment, total, progress)
            elif progress:
                progress(_progress(store, experiment, total))
            return finalize(study, experiment, plan, total, store)
    finally:
        store.close()


def _watch(
    crew: "_Crew",
    workers: int,
    store: Store,
    experiment: Experiment,
    total: int,
    progress: Report | None,
) -> None:
    """Keep the crew at work until the slots are done, and tell of each change."""
    told: StudyProgress | None = None
    try:
        crew.start(workers)
        while True:
            now = _progress(store, experiment, total)
            if progress and now != told:
                progress(now)
                told = now
            if now.done >= total:
                return
            crew.replace_the_dead()
            time.sleep(WATCH_SECONDS)
    finally:
        crew.end()


class _Crew:
    """The worker processes that this process has started."""

    def __init__(self, job: WorkerJob, slots: Slots, study: optuna.Study) -> None:
        self.job, self.slots, self.study = job, slots, study
        # spawn: forking a process that has used torch's threads may deadlock.
        self._context = multiprocessing.get_context("spawn")
        self._crew: dict[str, BaseProcess] = {}
        self._early_deaths = 0

    def start(self, workers: int) -> None:
        """Start so many workers, but no more than there are slots to be done."""
        owed = sum(row["state"] != "done" for row in self.slots.rows(self.job.total))
        for _ in range(min(workers, owed)):
            self._start_one()

    def replace_the_dead(self) -> None:
        """Open the slots of workers that have died, and start others in their place."""
        dead = {name: p for name, p in self._crew.items() if p.exitcode not in (None, 0)}
        if not dead:
            return
        for name in dead:
            del self._crew[name]
        had_slots = self.clear(dead)
        # A positive code is an exception of its own, a negative one a signal from outside.
        own = sum((process.exitcode or 0) > 0 for process in dead.values())
        self._early_deaths = 0 if had_slots else self._early_deaths + own
        if self._early_deaths >= MOST_EARLY_DEATHS:
            raise RuntimeError("the worker processes end before they begin; see their messages")
        for _ in dead:
            self._start_one()

    def end(self) -> None:
        """End all workers, at once; what they were at can be claimed by others."""
        end_at_once(self._crew.values())
        self.clear(self._crew, were_ended=True)

    def clear(self, workers: Collection[str] = (), *, were_ended: bool = False) -> bool:
        """Open the slots of lost workers, those named among them; whether there were any."""
        lost = self.slots.reopen_lost(workers, self.job.grace, were_ended=were_ended)
        fail_lost(self.study, self.slots, lost)
        mend(self.study, study_of(self.job.experiment), self.slots)
        return bool(lost)

    def _start_one(self) -> None:
        name = worker_name()
        process = self._context.Process(target=work_in_process, args=(self.job, name), daemon=True)
        with deaf_to_interrupts():
            process.start()
        self._crew[name] = process


def _progress(store: Store, experiment: Experiment, total: int) -> StudyProgress:
    trials = [t for t in trials_of(store, study_of(experiment)) if t.slot < total]
    values = [t.value for t in trials if t.value is not None and t.is_feasible]
    pruned = sum(trial.state == "pruned" for trial in trials)
    return StudyProgress(len(trials), total, pruned, max(values, default=None))
