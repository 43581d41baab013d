"""One worker of a study: claims a slot, evaluates a trial, finishes the slot, and so on."""

import random
import time
from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.trial import Trial

from bench.catalogue import plugins
from bench.experiment.model import Experiment
from bench.experiment.study import StudyBase
from bench.store.store import Store
from bench.workers.devices import use_card
from bench.workers.processes import obey_parent
from studies.objectives import second_of
from studies.optuna_sync import fail_lost, fail_trial, repair_trials, tell, trial_row
from studies.outcome import Evaluate, Params, ReportValue, TrialJob, TrialOutcome
from studies.plan import StudyPlan, study_of
from studies.records import gain_rows, record, save_failure
from studies.sampler import SLOT, SlotSampler
from studies.slots import GRACE_SECONDS, Claim, Heartbeat, StudySlots
from studies.storage import loaded

IDLE_SECONDS = 0.5
"""How often a worker that finds no open slot looks again."""


@dataclass(frozen=True)
class WorkerJob:
    """What a worker needs: everything crosses process boundaries.

    total: slots 0..total-1 are to be done; artifacts: the folder of pictures and loss files;
    grace: seconds after which a silent worker counts as lost; plugins: the user's files.
    """

    experiment: Experiment
    plan: StudyPlan
    total: int
    url: str
    artifacts: Path
    evaluate: Evaluate
    grace: float = GRACE_SECONDS
    plugins: tuple[str, ...] = ()


def work_in_process(job: WorkerJob, name: str, card: int | None = None) -> None:
    """The body of a worker process; it ends with the process that started it.

    card: the CUDA device that it computes on, where it has one of its own.

    Raises:
        InputError: as `work`, or a plug-in cannot be loaded.
    """
    obey_parent()
    if card is not None:
        use_card(card)
    plugins.load_files(job.plugins)
    work(job, name)


def work(job: WorkerJob, name: str) -> None:
    """Work under a name until slots 0..total-1 are done, whoever does them.

    Raises:
        InputError: the job's URL cannot be used.
    """
    store = Store(job.url, create=False)
    try:
        with loaded(job.experiment, job.url, job.plan) as (study, sampler):
            worker = _Worker(job, name, study, sampler, StudySlots(store, study.study_name))
            while True:
                worker.reopen_lost()
                claim = worker.slots.claim(name, job.total)
                if claim:
                    worker.do(claim)
                elif worker.slots.are_done(job.total):
                    return
                else:
                    # Others are at work on the last slots; one of them may be lost.
                    time.sleep(IDLE_SECONDS * random.uniform(0.5, 1))
    finally:
        store.close()


class _Worker:
    """What a worker does with the slots it claims, under one name."""

    def __init__(
        self,
        job: WorkerJob,
        name: str,
        study: optuna.Study,
        sampler: SlotSampler,
        slots: StudySlots,
    ) -> None:
        self.job, self.name, self.study = job, name, study
        self.sampler, self.slots = sampler, slots
        self.section = study_of(job.experiment)

    def reopen_lost(self) -> None:
        """Open the slots of lost workers, and fail the trials that they had begun."""
        fail_lost(self.study, self.slots, self.slots.reopen_lost(grace=self.job.grace))

    def do(self, claim: Claim) -> None:
        """One slot, from its proposal to its end.

        The slot is finished in one transaction; what a death between that and telling Optuna
        has left is repaired before anything else is proposed.
        """
        slot, slots = claim.slot, self.slots
        with Heartbeat(slots, self.name, slot):
            repair_trials(self.study, self.section, slots)
            self.sampler.use(slot, claim.params)
            trial = self.study.ask()
            slots.note(self.name, slot, {"number": trial.number})
            trial.set_user_attr(SLOT, slot)
            params = self.job.plan.space.suggest(trial)
            slots.note(self.name, slot, {"params": params})
            outcome = self._evaluate(trial, params, slot)
            study = self.study.study_name
            row = trial_row(study, slot, trial.number, params, outcome)
            gains = gain_rows(study, self.section.kind, slot, params, outcome)
            if slots.finish(self.name, slot, row, gains):
                tell(self.study, self.section, row)
            else:
                fail_trial(self.study, trial.number)

    def _evaluate(self, trial: Trial, params: Params, slot: int) -> TrialOutcome | None:
        """The outcome, recorded on the trial; None where it failed, for the reason noted there."""
        started = time.perf_counter()
        try:
            outcome = self.job.evaluate(
                TrialJob(self.job.experiment, params, slot), reporter(self.section, trial)
            )
            seconds = time.perf_counter() - started
            record(trial, outcome, seconds, self.job.experiment, self.job.artifacts)
        except Exception as error:
            # Failure is an outcome: the study goes on, and the trial says what happened.
            lines = str(error).strip().splitlines() or ["no message"]
            save_failure(trial, f"{type(error).__name__}: {lines[0]}")
            return None
        return outcome


def reporter(section: StudyBase, trial: Trial) -> ReportValue:
    """Reports to Optuna, and asks its pruner where stopping would save work."""

    def report(value: float, step: int, saves_work: bool) -> bool:
        if second_of(section):
            return False  # Optuna keeps no reports where objectives are two
        trial.report(value, step)
        return saves_work and trial.should_prune()

    return report


def evaluate_trial(job: TrialJob, report: ReportValue) -> TrialOutcome:
    """Evaluate a trial; torch is imported here.

    Raises:
        ValueError: the parameters do not fit the experiment's settings.
    """
    from studies.objective import evaluate

    return evaluate(job, report)
