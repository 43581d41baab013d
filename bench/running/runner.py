"""The benchmark runner: does what is missing, in order: evolve, then train every loss."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import select

from bench.catalogue.learners import learner_identity
from bench.cells.loss_ref import LossRef, named_losses
from bench.cells.provenance import determinants, provenance
from bench.cells.seeds import Purpose, drawn
from bench.cells.training import Member, Outcome, TrainingJob, failed, train
from bench.cells.tuning import Configuration, configurations
from bench.describing.model import TaskDescription
from bench.errors import InputError
from bench.experiment.model import Experiment
from bench.experiment.sections import BenchmarkSection
from bench.files import write_atomically
from bench.keys import digest, digests
from bench.running.describing import described
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
from bench.running.rows import cell_rows
from bench.running.spreading import evolve_all, in_parts
from bench.running.status import RunSummary, summary
from bench.store.schema import cells, evolutions, experiments, learners, units
from bench.store.store import Row, Store
from bench.tasks.resolve import TaskRef, resolve
from bench.workers.pool import Pool
from bench.workers.progress import Reporter
from mln.config import LearnerSpec, LossSpec
from mln.kernels import engine
from mln.kernels.engine import KernelName
from mln.learners import learner_name

OnTasks = Callable[[Sequence[TaskDescription]], None]


class Trainee(NamedTuple):
    """A learner of one task under one loss: what is trained in all configurations on all seeds."""

    task: TaskRef
    learner: LearnerSpec
    loss: LossRef

    @property
    def names(self) -> Row:
        """Task, learner and loss as the store's tables name them."""
        learner = learner_name(self.learner)
        return {"task": self.task.name, "learner": learner, "loss": self.loss.name}


class Unit(NamedTuple):
    """A trainee with all its cells: `digest` and a configuration and a seed determine each."""

    trainee: Trainee
    kernel: KernelName
    digest: str
    configurations: tuple[Configuration, ...]


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

    def run(self, on_tasks: OnTasks = lambda _: None) -> RunSummary:
        """Do all that the experiment lacks: evolutions, then cells.

        on_tasks: told, before anything is trained, what was understood of the tasks; it is stored
        beside the results.

        What fails is noted in `errors`. Raises InputError where the experiment has no benchmark,
        and as `evolve` does.
        """
        benchmark = self._benchmark()
        tasks = described(self.experiment)
        on_tasks(tasks)
        evolved = self.evolve()
        self._measure_learners(evolved)
        grid = [self._unit(trainee) for trainee in self._trainees(benchmark, evolved)]
        self._announce(evolved, grid, tasks)
        self._train(grid)
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
        chosen, training = self.experiment, self._benchmark().training
        augmented = training.augmentation.changes
        return engine.choose(learner, loss, chosen.device, chosen.kernel, augmented)

    def _trainees(self, benchmark: BenchmarkSection, evolved: Sequence[Row]) -> list[Trainee]:
        """The experiment's learners, each task's under every loss; the evolved losses come last."""
        spec = self.experiment.evolution.loss if self.experiment.evolution else LossSpec()
        losses = named_losses(benchmark, spec)
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

    def _announce(
        self, evolved: Sequence[Row], grid: Sequence[Unit], tasks: Sequence[TaskDescription]
    ) -> None:
        """Record the experiment and its units, so that a report finds what belongs to it."""
        config = {
            "experiment": self.experiment.model_dump(mode="json"),
            "evolutions": {row["loss"]: row["key"] for row in evolved},
            "study": self.experiment.study.name if self.experiment.study else None,
            "tasks": [task.as_json() for task in tasks],
            "seeds": drawn(
                self.experiment.seed,
                {
                    Purpose.EVOLVE: len(evolved),
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
        rows = [
            {
                "fingerprint": row["fingerprint"],
                **unit.trainee.names,
                "unit": unit.digest,
                "configurations": [each._asdict() for each in unit.configurations],
            }
            for unit in grid
        ]
        self.store.put(units, rows, replace=True)

    def _unit(self, trainee: Trainee) -> Unit:
        """What determines all cells of a trainee, and the configurations it is trained in."""
        benchmark = self._benchmark()
        kernel = self._kernel(trainee.learner, trainee.loss.form)
        shared = {
            "task": trainee.task.identity(),
            "loss": trainee.loss.identity(),
            "learner": learner_identity(trainee.learner),
            "training": asdict(benchmark.training),
            "curve_points": benchmark.curve_points,
            "root_seed": self.experiment.seed,
            "determinants": determinants(self.experiment.device, kernel),
        }
        tried = configurations(self.experiment.tuning, trainee.loss)
        return Unit(trainee, kernel, digest(shared), tuple(tried))

    def _missing(self, unit: Unit) -> list[TrainingJob]:
        """The cells of a unit without a result, as one job for each value of the parameter."""
        own = cells.c.unit == unit.digest
        statement = select(cells.c.parameter, cells.c.lr, cells.c.seed)
        known = self.store.tuples(statement.where(own, cells.c.status != "failed"))
        by_parameter: dict[float | None, list[tuple[int, float]]] = {}
        for each in unit.configurations:
            by_parameter.setdefault(each.parameter, []).extend(
                (seed, each.lr)
                for seed in range(self._benchmark().seeds)
                if (each.parameter, each.lr, seed) not in known
            )
        return [self._job(unit, *missing) for missing in by_parameter.items() if missing[1]]

    def _job(
        self, unit: Unit, parameter: float | None, each: Sequence[tuple[int, float]]
    ) -> TrainingJob:
        """A trainee at one value of its parameter, with seeds and learning rates."""
        benchmark, trainee = self._benchmark(), unit.trainee
        variants = ({"seed": seed, "lr": lr} for seed, lr in each)
        keys = digests({"unit": unit.digest, "parameter": parameter}, variants)
        return TrainingJob(
            trainee.task.name,
            unit.digest,
            trainee.loss.at(parameter),
            tuple(Member(key, *own) for key, own in zip(keys, each, strict=True)),
            self.experiment.seed,
            trainee.learner,
            benchmark.training,
            benchmark.curve_points,
            unit.kernel,
            self.experiment.device,
        )

    def _train(self, grid: Sequence[Unit]) -> None:
        """Train what is missing in the pool and store each job's outcomes as it finishes."""
        jobs = [job for unit in grid for job in self._missing(unit)]
        if not jobs:
            return
        benchmark = self._benchmark()
        every = sum(len(unit.configurations) for unit in grid) * benchmark.seeds
        total, new = every * benchmark.training.steps, sum(job.member_steps for job in jobs)
        self.reporter.phase("benchmark", total, total - new)
        for finished in self.pool.run(train, in_parts(jobs, self.pool.workers)):
            job = finished.job
            if finished.result is None:
                reason = f"{type(finished.error).__name__}: {finished.error}"
                self.errors.append(f"{job.task} under {job.loss.name}: {reason}")
                lost = [failed(member, reason) for member in job.members]
                self._store(job, lost, finished.machine)
            else:
                self._store(job, finished.result, finished.machine)
            self.reporter.advance(job.member_steps, f"{job.task}, {job.loss.name}")

    def _store(
        self, job: TrainingJob, outcomes: Sequence[Outcome], where: dict[str, object] | None
    ) -> None:
        # A cell that failed is replaced by what its new attempt gave, a result by nothing:
        # another process may have stored it in the meantime.
        rows = cell_rows(job, outcomes, where)
        self.store.put(cells, rows, replace=cells.c.status == "failed")
