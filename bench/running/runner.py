"""The benchmark runner: does what is missing, in order: evolve, tune, benchmark."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import select

from bench.catalogue.learners import learner_identity
from bench.cells.loss_ref import LossRef, reference
from bench.cells.provenance import determinants, provenance
from bench.cells.seeds import Purpose, drawn
from bench.cells.training import Member, Outcome, TrainingJob, failed, train
from bench.cells.tuning import Choice, choose, plans
from bench.errors import InputError
from bench.experiment.model import Experiment
from bench.experiment.sections import BenchmarkSection
from bench.files import write_atomically
from bench.keys import digests
from bench.running.evolution import (
    EvolutionJob,
    EvolutionProgress,
    describe,
    evolution_jobs,
    write_loss_file,
)
from bench.running.final_learners import (
    LearnersJob,
    learners_path,
    load_learners,
    measure_job,
    summarise,
)
from bench.running.rows import cell_rows, tuning_rows
from bench.running.spreading import evolve_all, shares
from bench.running.status import RunSummary, summary
from bench.store.schema import cells, choices, evolutions, experiments, grid, learners, tunings
from bench.store.store import Row, Store
from bench.tasks.resolve import TaskRef, resolve
from bench.workers.pool import Pool
from bench.workers.progress import Reporter
from mln.config import LearnerSpec, LossSpec
from mln.kernels import engine
from mln.kernels.engine import KernelName
from mln.learners import learner_name


class Trainee(NamedTuple):
    """A learner of one task under one loss: what is tuned once and then run on all seeds."""

    task: TaskRef
    learner: LearnerSpec
    loss: LossRef

    @property
    def names(self) -> Row:
        """Task, learner and loss as the store's tables name them."""
        learner = learner_name(self.learner)
        return {"task": self.task.name, "learner": learner, "loss": self.loss.name}


class Runner:
    """Runs one experiment on one store in a pool of workers.

    errors: what went wrong, one line for each evolution or job that failed.
    """

    def __init__(
        self,
        experiment: Experiment,
        store: Store,
        artifacts: Path,
        pool: Pool,
        reporter: Reporter,
    ) -> None:
        self.experiment, self.store = experiment, store
        self.artifacts, self.pool, self.reporter = artifacts, pool, reporter
        self.errors: list[str] = []

    def evolve(self) -> list[Row]:
        """Evolve the experiment's losses that the store lacks; all its evolutions, in order.

        Writes the file of each evolved loss. A run that fails is noted in `errors`. Raises
        Unavailable where the store or the workers are lost, OSError where a file cannot be written.
        """
        jobs = evolution_jobs(self.experiment, self.artifacts)
        evolved = self.evolve_jobs(jobs)
        rows = [evolved[job.key] | {"loss": job.name} for job in jobs if job.key in evolved]
        for row in rows:
            write_loss_file(self.loss_path(row), self.experiment, row)
        return rows

    def evolve_jobs(self, jobs: Sequence[EvolutionJob]) -> dict[str, Row]:
        """Run those evolutions that the store lacks; the rows of all that succeeded, by key.

        Raises as `evolve` does.
        """
        known = self.store.existing(evolutions, [job.key for job in jobs])
        missing = {job.key: job for job in jobs if job.key not in known}
        if missing:
            self._evolve_missing(list(missing.values()))
        return self.store.rows_of(evolutions, [job.key for job in jobs])

    def loss_path(self, row: Row) -> Path:
        """Where an evolved loss's file lies."""
        name = f"{self.experiment.name}-{row['loss']}-{row['key'][:8]}.safetensors"
        return self.artifacts / "losses" / name

    def _evolve_missing(self, jobs: Sequence[EvolutionJob]) -> None:
        budgets = {job.key: job.section.settings.budget for job in jobs}
        self.reporter.phase(f"evolve {len(jobs)} losses", sum(budgets.values()))
        spent = dict.fromkeys(budgets, 0)

        def progressed(message: EvolutionProgress) -> None:
            generation = message.generation
            new = generation["member_steps"] - spent[message.key]
            spent[message.key] += new
            self.reporter.advance(new, describe(message))

        for finished in evolve_all(self.pool, jobs, progressed):
            if finished.result is None:
                self.errors.append(f"evolution run {finished.job.run + 1}: {finished.error}")
                continue
            row, final_learners = finished.result
            if final_learners is not None:
                write_atomically(learners_path(self.artifacts, row["key"]), final_learners)
            self.store.put(evolutions, [row])
            # A run ends short of its budget unless whole generations fill it.
            self.reporter.advance(budgets[finished.job.key] - spent[finished.job.key])
            spent[finished.job.key] = budgets[finished.job.key]
            finished.job.checkpoint.unlink(missing_ok=True)

    def run(self) -> RunSummary:
        """Do all that the experiment lacks: evolutions, tuning, cells.

        What fails is noted in `errors`. Raises InputError where the experiment has no benchmark,
        and as `evolve` does.
        """
        benchmark = self._benchmark()
        evolved = self.evolve()
        self._measure_learners(evolved)
        trainees = self._trainees(benchmark, evolved)
        self._announce(evolved)
        self._run_cells(self._tune(trainees))
        return summary(self.experiment, self.store)

    def _benchmark(self) -> BenchmarkSection:
        if self.experiment.benchmark is None:
            raise InputError(f"experiment {self.experiment.name}: has no [benchmark] section")
        return self.experiment.benchmark

    def _measure_learners(self, evolved: Sequence[Row]) -> None:
        """Score on test the learners that co-evolutions ended with, where their file is here."""
        evolution = self.experiment.evolution
        if evolution is None or evolution.settings.coevolution == "fresh":
            return
        known = self.store.existing(learners, [row["key"] for row in evolved])
        jobs = [
            LearnersJob(row["key"], load_learners(path), evolution.families, evolution.settings)
            for row in evolved
            if row["key"] not in known
            and (path := learners_path(self.artifacts, row["key"])).exists()
        ]
        for finished in self.pool.run(measure_job, jobs):
            if finished.result is None:
                self.errors.append(f"learners of {finished.job.key[:8]}: {finished.error}")
            else:
                self.store.put(learners, [finished.result])

    def learner_rows(self) -> list[Row]:
        """What became of the learners of each co-evolved loss, on test."""
        names = {job.key: job.name for job in evolution_jobs(self.experiment, self.artifacts)}
        rows = self.store.rows_of(learners, names)
        return [summarise(name, rows[key]["scores"]) for key, name in names.items() if key in rows]

    def _kernel(self, learner: LearnerSpec, loss: LossSpec | str) -> KernelName:
        """What trains a learner under a loss."""
        chosen = self.experiment
        return engine.choose(learner, loss, chosen.device, chosen.kernel)

    def _trainees(self, benchmark: BenchmarkSection, evolved: Sequence[Row]) -> list[Trainee]:
        """The experiment's learners, each task's under every loss; the evolved losses come last."""
        spec = self.experiment.evolution.loss if self.experiment.evolution else LossSpec()
        losses = [reference(name, spec) for name in benchmark.losses]
        if benchmark.evolved:
            losses += [
                LossRef(row["loss"], "mln", None, LossSpec(**row["spec"]), tuple(row["genome"]))
                for row in evolved
            ]
        return [
            Trainee(task, benchmark.learner_of(task.image is not None), loss)
            for task in map(resolve, benchmark.tasks)
            for loss in losses
        ]

    def _announce(self, evolved: Sequence[Row]) -> None:
        """Record the experiment, so that a report finds what belongs to it."""
        config = {
            "experiment": self.experiment.model_dump(mode="json"),
            "evolutions": {row["loss"]: row["key"] for row in evolved},
            "study": self.experiment.study.name if self.experiment.study else None,
            "seeds": drawn(
                self.experiment.seed,
                {
                    Purpose.EVOLVE: len(evolved),
                    Purpose.TUNE: self.experiment.tuning.seeds,
                    Purpose.TEST: self._benchmark().seeds,
                },
            ),
            "provenance": provenance(
                self.experiment.device, self._kernel(self._benchmark().learner, "ce")
            ),
        }
        row = {
            "fingerprint": self.experiment.fingerprint(),
            "name": self.experiment.name,
            "config": config,
        }
        self.store.put(experiments, [row], replace=True)

    def _tune(self, trainees: Sequence[Trainee]) -> dict[Trainee, Choice]:
        """Train what tuning lacks; the chosen configuration of each trainee."""
        tuning = self.experiment.tuning
        fingerprint = self.experiment.fingerprint()
        jobs = {
            trainee: [
                self._job(trainee._replace(loss=loss), Purpose.TUNE, rates)
                for loss, rates in plans(tuning, trainee.loss)
            ]
            for trainee in trainees
        }
        every = list(chain.from_iterable(jobs.values()))
        known = self.store.existing(tunings, _keys(every))
        self._train("tune every loss", [job.without(known) for job in every], known)
        rows = self.store.rows_of(tunings, _keys(every))
        chosen: dict[Trainee, Choice] = {}
        for trainee, own in jobs.items():
            keys = _keys(own)
            tuned = [rows[key] for key in keys if key in rows]
            if len(tuned) == len(keys):
                choice = choose(tuned, tuning.metric)
                chosen[trainee] = choice
                row = {"fingerprint": fingerprint, **trainee.names, **choice._asdict()}
                self.store.put(choices, [row], replace=True)
        return chosen

    def _run_cells(self, chosen: dict[Trainee, Choice]) -> None:
        """Train the missing cells: as tuned, and at the common rate with default parameters."""
        common = self.experiment.tuning.common_rate
        fingerprint = self.experiment.fingerprint()
        jobs: list[TrainingJob] = []
        rows: list[Row] = []
        for trainee, choice in chosen.items():
            tuned = replace(trainee.loss, parameter=choice.parameter)
            settings = {"tuned": (tuned, choice.lr), "common": (trainee.loss, common)}
            own: dict[LossRef, TrainingJob] = {}
            for loss in dict.fromkeys(loss for loss, _ in settings.values()):
                rates = sorted({lr for other, lr in settings.values() if other == loss})
                own[loss] = self._job(trainee._replace(loss=loss), Purpose.TEST, rates)
            jobs += own.values()
            shared = {"fingerprint": fingerprint, **trainee.names}
            rows += [
                {**shared, "seed": member.seed, "lr_policy": policy, "cell": member.key}
                for policy, (loss, lr) in settings.items()
                for member in own[loss].members
                if member.lr == lr
            ]
        self.store.put(grid, self._new_in_grid(rows), replace=True)
        known = self.store.existing(cells, _keys(jobs), cells.c.status != "failed")
        self._train("benchmark", [job.without(known) for job in jobs], known)

    def _new_in_grid(self, rows: Sequence[Row]) -> list[Row]:
        """Those rows of the grid that are not stored as they are."""
        mine = grid.c.fingerprint == self.experiment.fingerprint()
        known = self.store.tuples(select(grid).where(mine))
        names = [column.name for column in grid.c]
        return [row for row in rows if tuple(row[name] for name in names) not in known]

    def _job(self, trainee: Trainee, purpose: Purpose, rates: Sequence[float]) -> TrainingJob:
        """A trainee at each learning rate on each seed of a purpose; every member with its key."""
        benchmark, tuning = self._benchmark(), self.experiment.tuning
        seeds = tuning.seeds if purpose is Purpose.TUNE else benchmark.seeds
        kernel = self._kernel(trainee.learner, trainee.loss.form)
        common = {
            "task": trainee.task.identity(),
            "loss": trainee.loss.identity(),
            "learner": learner_identity(trainee.learner),
            "training": asdict(benchmark.training),
            "curve_points": benchmark.curve_points,
            "determinants": determinants(self.experiment.device, kernel),
        }
        if purpose is Purpose.TUNE:
            common["metric"] = tuning.metric
        where = [self.experiment.seed, int(purpose)]
        each = [(seed, lr) for lr in rates for seed in range(seeds)]
        keys = digests(common, ({"seed": [*where, seed], "lr": lr} for seed, lr in each))
        members = tuple(Member(key, *own) for key, own in zip(keys, each, strict=True))
        return TrainingJob(
            trainee.task.name,
            trainee.loss,
            members,
            self.experiment.seed,
            purpose,
            trainee.learner,
            benchmark.training,
            benchmark.curve_points,
            kernel,
            self.experiment.device,
        )

    def _train(self, phase: str, jobs: Sequence[TrainingJob], known: set[str]) -> None:
        """Train jobs in the pool and store each one's outcomes as it finishes."""
        missing = shares([job for job in jobs if job.members], self.pool.workers)
        if not missing:
            return
        steps = missing[0].training.steps
        new = sum(job.member_steps for job in missing)
        self.reporter.phase(phase, new + len(known) * steps, len(known) * steps)
        for finished in self.pool.run(train, missing):
            job = finished.job
            if finished.result is None:
                reason = f"{type(finished.error).__name__}: {finished.error}"
                self.errors.append(f"{job.task} under {job.loss.name}: {reason}")
                if job.purpose is Purpose.TEST:
                    lost = [failed(member, reason) for member in job.members]
                    self._store(job, lost, finished.machine)
            else:
                self._store(job, finished.result, finished.machine)
            self.reporter.advance(job.member_steps, f"{job.task}, {job.loss.name}")

    def _store(
        self, job: TrainingJob, outcomes: Sequence[Outcome], where: dict[str, object] | None
    ) -> None:
        if job.purpose is Purpose.TUNE:
            metric = self.experiment.tuning.metric
            self.store.put(tunings, tuning_rows(job, outcomes, metric, where))
        else:
            # A cell that failed is replaced by what its new attempt gave, a result by nothing:
            # another process may have stored it in the meantime.
            rows = cell_rows(job, outcomes, where)
            self.store.put(cells, rows, replace=cells.c.status == "failed")


def _keys(jobs: Iterable[TrainingJob]) -> list[str]:
    return [member.key for job in jobs for member in job.members]
