"""An ablation: the same evolution under every combination of some settings, at equal budgets.

Each evolved loss is judged by its tuned gain over cross-entropy on outer_valid of tasks from
families of the ablation's own, the same tasks for every cell, by the metric, the learner and the
training of the experiment itself, whatever a cell evolves with.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from bench.errors import InputError
from bench.evolving import EvolutionJob, evolution_jobs
from bench.experiment import Experiment, digest
from bench.intervals import mean_and_half_width
from bench.presets import learner_identity
from bench.provenance import determinants
from bench.runner import Runner
from bench.store import Row, judgements
from bench.tasks.register import identity
from mln.config import EvolutionConfig, LossSpec
from mln.kernels import engine
from mln.kernels.engine import KernelName


class CellResult(NamedTuple):
    """One cell: its settings, its runs' mean gain with the half-width of its 95 % t interval.

    gain, half_width: fractions or nats, as the metric; half_width is None for fewer than two
    runs. member_steps: the mean over the runs.
    """

    settings: dict[str, Any]
    runs: int
    gain: float | None
    half_width: float | None
    member_steps: int
    gains: list[float]

    def row(self) -> Row:
        """The cell as a line of a table."""
        short = {key.rpartition(".")[2]: value for key, value in self.settings.items()}
        return short | {
            "runs": self.runs,
            "gain": self.gain,
            "half_width": self.half_width,
            "member_steps": self.member_steps,
        }


@dataclass(frozen=True)
class JudgeJob:
    """One evolved loss to be judged."""

    key: str
    spec: LossSpec
    genome: tuple[float, ...]
    settings: EvolutionConfig
    families: tuple[str, ...]
    tasks: int
    rates: tuple[float, ...]
    root_seed: int
    kernel: KernelName
    device: str

    @property
    def member_steps(self) -> int:
        """Cost of the judgement, cross-entropy's part included."""
        return 2 * self.tasks * len(self.rates) * self.settings.training.steps


def judge(job: JudgeJob) -> Row:
    """The row that the store keeps: mean tuned gain over cross-entropy."""
    from bench.judging import ABLATE, judging_draws
    from mln.fitness import Protocol, tuned_gain

    settings = job.settings
    found = tuned_gain(
        np.array([job.genome], dtype=np.float32),
        judging_draws(job.root_seed, job.families, job.tasks, ABLATE),
        job.rates,
        Protocol(
            job.spec, settings.learner, settings.training, job.device, settings.fitness, job.kernel
        ),
    )
    return {"key": job.key, "gain": float(found.gain.mean()), "gains": found.gain[0].tolist()}


def ablate(runner: Runner) -> list[CellResult]:
    """Evolve and judge what the store lacks; every cell. Failed runs are in `runner.errors`.

    Raises InputError where the experiment has no ablation.
    """
    experiment = runner.experiment
    if experiment.ablation is None or experiment.evolution is None:
        raise InputError(f"experiment {experiment.name}: has no [ablation] section")
    cells = experiment.ablation_cells()
    jobs = [evolution_jobs(cell, runner.artifacts) for _, cell in cells]
    evolved = runner.evolve_jobs([job for cell in jobs for job in cell])
    gains = _judge(runner, judge_jobs(experiment, evolved))
    return [
        cell_result(settings, [job for job in runs if job.key in gains], evolved, gains)
        for (settings, _), runs in zip(cells, jobs, strict=True)
    ]


def judge_jobs(experiment: Experiment, evolved: dict[str, Row]) -> dict[str, JudgeJob]:
    """What judges each evolved loss, by the key of its evolution."""
    section, base = experiment.ablation, experiment.evolution
    if section is None or base is None:
        return {}
    common = {
        "judged_on": [
            [identity(family) for family in section.families],
            section.tasks,
            experiment.seed,
        ],
        "judged_by": [learner_identity(base.settings.learner), asdict(base.settings.training)],
        "metric": asdict(base.settings.fitness),
        "rates": experiment.tuning.rates,
    }
    jobs = {}
    for key, row in evolved.items():
        spec = LossSpec(**row["spec"])
        kernel = engine.choose(base.settings.learner, spec, experiment.device, experiment.kernel)
        own = {"evolution": key, "determinants": determinants(experiment.device, kernel)}
        jobs[key] = JudgeJob(
            digest(common | own),
            spec,
            tuple(row["genome"]),
            base.settings,
            section.families,
            section.tasks,
            experiment.tuning.rates,
            experiment.seed,
            kernel,
            experiment.device,
        )
    return jobs


def _judge(runner: Runner, jobs: dict[str, JudgeJob]) -> dict[str, float]:
    """Gains by the key of the evolution."""
    store, reporter = runner.store, runner.reporter
    known = store.existing(judgements, [job.key for job in jobs.values()])
    missing = [job for job in jobs.values() if job.key not in known]
    if missing:
        reporter.phase(f"judge {len(missing)} losses", sum(job.member_steps for job in missing))
    for finished in runner.pool.run(judge, missing):
        if finished.result is None:
            runner.errors.append(f"judging {finished.job.key[:8]}: {finished.error}")
        else:
            store.put(judgements, [finished.result])
        reporter.advance(finished.job.member_steps)
    rows = store.rows_of(judgements, [job.key for job in jobs.values()])
    return {key: rows[job.key]["gain"] for key, job in jobs.items() if job.key in rows}


def cell_result(
    settings: dict[str, Any],
    runs: Sequence[EvolutionJob],
    evolved: dict[str, Row],
    judged: dict[str, float],
) -> CellResult:
    """The mean over a cell's finished runs and its t interval (Student 1908)."""
    gains = [judged[job.key] for job in runs]
    mean, half_width = mean_and_half_width(gains)
    return CellResult(
        settings,
        len(gains),
        mean,
        half_width,
        round(np.mean([evolved[job.key]["member_steps"] for job in runs])) if runs else 0,
        gains,
    )
