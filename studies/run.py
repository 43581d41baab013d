"""Run a study: worker processes on its slots, watched until all are done, whoever does them.

Any number of these may run at a time on one PostgreSQL, on any machines, or on one SQLite file.
"""

import multiprocessing
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

import optuna

from bench.catalogue import plugins
from bench.errors import InputError
from bench.experiment.model import Experiment
from bench.store.store import Store
from bench.workers.devices import cards, least_used
from bench.workers.processes import end_at_once, ignoring_interrupts
from studies.finalize import finalize
from studies.objectives import best_of
from studies.optuna_sync import fail_lost, repair_trials
from studies.outcome import Evaluate, StudyProgress, StudyResult
from studies.plan import study_of
from studies.results import planned, trials_of
from studies.slots import GRACE_SECONDS, StudySlots, worker_name
from studies.storage import create_study, loaded
from studies.worker import WorkerJob, evaluate_trial, work_in_process

OnProgress = Callable[[StudyProgress], None]

WATCH_SECONDS = 0.3
MAX_EARLY_DEATHS = 3
"""Workers that may end one after the other without having taken a slot."""


@dataclass(frozen=True)
class Workers:
    """The worker processes of a study: how many and what they are given.

    evaluate: what evaluates a trial; grace: seconds after its last heartbeat at which a worker
    counts as lost. Both are for tests.
    """

    count: int = 1
    evaluate: Evaluate = evaluate_trial
    grace: float = GRACE_SECONDS


ONE_WORKER = Workers()


def run_study(
    experiment: Experiment,
    url: str,
    artifacts: Path,
    *,
    workers: Workers = ONE_WORKER,
    trials: int | None = None,
    on_progress: OnProgress | None = None,
) -> StudyResult:
    """Bring the experiment's study to `trials` finished slots in all (default: what it plans).

    A study that was stopped goes on; a finished one is extended by a larger `trials`. Slots that
    failed are tried again. One worker, stopped between trials and resumed, does what an
    uninterrupted one does, bit for bit; with several, each unpruned value is still a pure
    function of its parameters and slot. A worker that dies is replaced, and its slot tried again
    with the same parameters. `on_progress` is told of each change.

    Raises:
        InputError: settings, storage or study do not fit; nothing was evaluated.
        RuntimeError: the workers end by themselves before they have taken a slot.
        KeyboardInterrupt: the workers were ended and their slots opened again; running this again
            continues.
    """
    if workers.count < 1:
        raise InputError(f"workers must be at least 1, not {workers.count}")
    plan = planned(experiment, url)
    total = plan.total if trials is None else trials
    if total < 1:
        raise InputError(f"trials must be at least 1, not {total}")
    if plan.known and len(plan.known) == plan.total and total > plan.total:
        raise InputError(f"trials: this study has {plan.total} cells in all, not {total}")
    create_study(experiment, url)
    store = Store(url)
    job = WorkerJob(
        experiment,
        plan,
        total,
        url,
        artifacts,
        workers.evaluate,
        workers.grace,
        plugins.loaded_files(),
    )
    try:
        with loaded(experiment, url, plan) as (study, _):
            slots = StudySlots(store, study.study_name)
            slots.add_missing(plan, total)
            slots.retry_failed(total)
            processes = _WorkerProcesses(job, slots, study)
            processes.reopen_lost()
            if not slots.are_done(total):
                _watch(processes, workers.count, store, on_progress)
            elif on_progress:
                on_progress(_progress(store, experiment, total))
            return finalize(study, experiment, plan, total, store)
    finally:
        store.close()


def _watch(
    processes: "_WorkerProcesses", count: int, store: Store, on_progress: OnProgress | None
) -> None:
    """Keep workers running until the slots are done, and tell of each change."""
    job = processes.job
    told: StudyProgress | None = None
    try:
        processes.start(count)
        while True:
            now = _progress(store, job.experiment, job.total)
            if on_progress and now != told:
                on_progress(now)
                told = now
            if now.done >= job.total:
                return
            processes.replace_dead()
            time.sleep(WATCH_SECONDS)
    finally:
        processes.end()


class _WorkerProcesses:
    """The worker processes that this process has started."""

    def __init__(self, job: WorkerJob, slots: StudySlots, study: optuna.Study) -> None:
        self.job, self.slots, self.study = job, slots, study
        # spawn: forking a process that has used torch's threads may deadlock.
        self._context = multiprocessing.get_context("spawn")
        self._processes: dict[str, BaseProcess] = {}
        self._cards = cards(job.experiment.device)
        self._card: dict[str, int] = {}
        self._early_deaths = 0

    def start(self, count: int) -> None:
        """Start so many workers, but no more than there are slots to be done."""
        remaining = sum(row["state"] != "done" for row in self.slots.rows(self.job.total))
        for _ in range(min(count, remaining)):
            self._start_one()

    def replace_dead(self) -> None:
        """Open the slots of workers that have died, and start others in their place.

        Raises:
            RuntimeError: several workers ended by themselves before they had taken a slot.
        """
        dead = {name: p for name, p in self._processes.items() if p.exitcode not in (None, 0)}
        if not dead:
            return
        for name in dead:
            del self._processes[name]
            self._card.pop(name, None)
        had_slots = self.reopen_lost(dead)
        # A positive code is an exception of its own, a negative one a signal from outside.
        own = sum((process.exitcode or 0) > 0 for process in dead.values())
        self._early_deaths = 0 if had_slots else self._early_deaths + own
        if self._early_deaths >= MAX_EARLY_DEATHS:
            raise RuntimeError("the worker processes end before they begin; see their messages")
        for _ in dead:
            self._start_one()

    def end(self) -> None:
        """End all workers, at once; what they were at can be claimed by others."""
        end_at_once(self._processes.values())
        self.reopen_lost(self._processes, were_ended=True)

    def reopen_lost(self, workers: Collection[str] = (), *, were_ended: bool = False) -> bool:
        """Open the slots of lost workers, those named among them; whether there were any."""
        lost = self.slots.reopen_lost(workers, self.job.grace, were_ended=were_ended)
        fail_lost(self.study, self.slots, lost)
        repair_trials(self.study, study_of(self.job.experiment), self.slots)
        return bool(lost)

    def _start_one(self) -> None:
        name, card = worker_name(), None
        if self._cards:
            card = least_used(self._cards, self._card.values())
            self._card[name] = card
        process = self._context.Process(
            target=work_in_process, args=(self.job, name, card), daemon=True
        )
        with ignoring_interrupts():
            process.start()
        self._processes[name] = process


def _progress(store: Store, experiment: Experiment, total: int) -> StudyProgress:
    study = study_of(experiment)
    trials = [t for t in trials_of(store, study) if t.slot < total]
    pruned = sum(trial.state == "pruned" for trial in trials)
    best = best_of(trials, study)
    return StudyProgress(len(trials), total, pruned, best.value if best else None)
