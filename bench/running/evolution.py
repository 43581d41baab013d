"""Evolution runs of an experiment, in worker processes."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bench.catalogue.learners import learner_identity
from bench.catalogue.losses import LOSSES, UNEVOLVED
from bench.cells.loss_ref import LossRef, reference
from bench.cells.provenance import determinants, provenance
from bench.cells.seeds import Purpose, seed_for
from bench.experiment.model import EvolutionSection, Experiment
from bench.keys import digest
from bench.running.intervals import mean_and_half_width
from bench.store.schema import evolutions
from bench.store.store import Row, Store
from bench.tasks.resolve import mixture, resolve
from bench.workers.pool import send
from mln.config import LossSpec
from mln.kernels.engine import KernelName

if TYPE_CHECKING:
    from mln.evolution import EvolutionResult
    from mln.files import SavedLoss
    from mln.pieces import Map
    from mln.search.hybrid import Handover

COMPARED_SHAPES = ("ce", "mse", "gce", "label_smoothing")


@dataclass(frozen=True)
class EvolutionJob:
    """One evolution run: everything its result depends on, and where its checkpoint lies."""

    key: str
    run: int
    section: EvolutionSection
    root_seed: int
    kernel: KernelName
    device: str
    checkpoint: Path

    @property
    def name(self) -> str:
        """What the benchmark calls the evolved loss."""
        return f"mln_{self.run + 1}"


class Evolved(NamedTuple):
    """The row that the store keeps, and the file of a co-evolution's final learners."""

    row: Row
    learners: bytes | None


class EvolutionProgress(NamedTuple):
    """A message of a worker: the run and the generation it has finished, as a mapping."""

    key: str
    run: int
    generation: dict[str, Any]


def describe(message: EvolutionProgress) -> str:
    """A generation on one line."""
    g = message.generation
    return (
        f"run {message.run + 1} {g['phase']} {g['number'] + 1}: best {g['best']:+.3f}, "
        f"median {g['median']:+.3f}, sigma {g['sigma']:.3f}, rejected {g['rejected']:.0%}"
    )


def evolution_jobs(experiment: Experiment, artifacts: Path) -> list[EvolutionJob]:
    """The evolution runs of an experiment; none where it has no evolution.

    artifacts: the folder that checkpoints lie in. Raises InputError for an unknown family.
    """
    section = experiment.evolution
    if section is None:
        return []
    jobs = []
    families = [resolve(name).identity() for name in section.families]
    validation = [resolve(name).identity() for name in section.validation]
    kernel = experiment.evolution_kernel()
    for run in range(section.runs):
        key = digest(
            {
                "families": families,
                "validation": validation,
                "loss": asdict(section.loss),
                **({} if section.start_from is None else {"start": section.start_from.genome}),
                "settings": asdict(section.settings),
                "learner": learner_identity(section.settings.learner),
                "seed": [experiment.seed, int(Purpose.EVOLVE), run],
                "determinants": determinants(experiment.device, kernel),
            }
        )
        checkpoint = artifacts / "checkpoints" / f"{key[:16]}.safetensors"
        jobs.append(
            EvolutionJob(key, run, section, experiment.seed, kernel, experiment.device, checkpoint)
        )
    return jobs


def evolve_job(job: EvolutionJob, map: "Map | None" = None) -> Evolved:
    """Run one evolution, or go on from its checkpoint; `map` is that of mln.Execution."""
    from bench.running.final_learners import packed
    from mln.evolution import Execution, evolve
    from mln.shape import CLASSES, shape

    started = time.perf_counter()
    section = job.section
    result = evolve(
        evolved_from(section),
        section.settings,
        mixture(section.families),
        seed_for(job.root_seed, Purpose.EVOLVE, job.run),
        Execution(
            callback=lambda generation, _: send(
                EvolutionProgress(job.key, job.run, asdict(generation))
            ),
            checkpoint=job.checkpoint,
            device=job.device,
            kernel=job.kernel,
            map=map,
        ),
        mixture(section.validation) if section.validation else None,
    )
    genome = tuple(float(gene) for gene in result.genome)
    classes = section.loss.classes or CLASSES
    compared = [
        LossRef(job.name, "mln", None, section.loss, genome),
        reference(UNEVOLVED, section.loss),
        *(reference(name, section.loss) for name in COMPARED_SHAPES if name in LOSSES),
    ]
    row = {
        "key": job.key,
        "loss": job.name,
        "run": job.run,
        "spec": asdict(section.loss),
        "genome": list(genome),
        "fitness": result.history[-1].mean,
        "member_steps": result.member_steps,
        "seconds": time.perf_counter() - started,
        "handover": _handover_row(result.handover),
        "history": _history_rows(result),
        "shape": [
            curve
            for ref in compared
            for curve in shape(ref.name, ref.stacked(1, classes, "cpu"), classes)
        ],
        "provenance": provenance(job.device, job.kernel),
    }
    return Evolved(row, None if result.learners is None else packed(result.learners))


def evolved_from(section: EvolutionSection) -> "LossSpec | SavedLoss":
    """What `mln.evolution.evolve` begins with: the form of the loss, or a loss of that form."""
    from mln.files import SavedLoss

    if section.start_from is None:
        return section.loss
    return SavedLoss(section.loss, np.array(section.start_from.genome, np.float32), {})


def write_loss_file(path: Path, experiment: Experiment, row: Row) -> None:
    """Write an evolved loss as a file that `mln.MetaLoss.load` reads, whole or not at all.

    row: of the store's `evolutions`. Raises OSError.
    """
    from mln.files import save_loss

    notes = {
        "experiment": experiment.name,
        "loss": row["loss"],
        "seed": experiment.seed,
        "run": row["run"],
        "fitness": row["fitness"],
        "member_steps": row["member_steps"],
        "provenance": row["provenance"],
    }
    save_loss(path, LossSpec(**row["spec"]), np.array(row["genome"], dtype=np.float32), notes)


def _history_rows(result: "EvolutionResult") -> list[Row]:
    """A row for each generation; that of the delivered genome has what the validation found.

    validation: {gain, low, high (95 % t interval over tasks), tasks, improved (whether the interval
    lies above 0), regimes: {regime: mean gain}, names: of the tasks}; None elsewhere.
    """
    rows: list[Row] = [asdict(row) | {"validation": None} for row in result.history]
    found = result.validation
    if found is not None:
        gain, half = mean_and_half_width(found.judged)
        assert gain is not None
        assert half is not None
        judged = np.array(found.judged)
        rows[found.generation]["validation"] = {
            "gain": gain,
            "low": gain - half,
            "high": gain + half,
            "tasks": len(judged),
            "improved": gain - half > 0,
            "regimes": {
                regime: float(judged[np.array(found.regimes) == regime].mean())
                for regime in sorted(set(found.regimes))
            },
            "names": sorted(set(found.names)),
        }
    return rows


def validation_of(row: Row) -> Row | None:
    """What the validation of an evolution found (`_history_rows`), from a row of the store.

    None where there was none.
    """
    return next((g["validation"] for g in row["history"] if g.get("validation")), None)


def validation_notes(experiment: Experiment, store: Store) -> list[str]:
    """`notes_of` the evolutions of an experiment that the store has."""
    if experiment.evolution is None or not experiment.evolution.validation:
        return []
    names = {job.key: job.name for job in evolution_jobs(experiment, Path())}
    rows = store.rows_of(evolutions, names)
    return notes_of(
        experiment.evolution,
        [rows[key] | {"loss": name} for key, name in names.items() if key in rows],
    )


def notes_of(section: EvolutionSection, rows: Sequence[Row]) -> list[str]:
    """One line on each evolved loss that its validation does not show to be better than CE."""
    nats = section.settings.fitness.metric == "nll"
    unit, factor = ("nats", 1.0) if nats else ("points", 100.0)
    notes = []
    for row in rows:
        found = validation_of(row)
        if found is not None and not found["improved"]:
            gain, low, high = (factor * found[name] for name in ("gain", "low", "high"))
            notes.append(
                f"{row['loss']} is not shown to improve over CE on its validation families: "
                f"{gain:+.2f} {unit} (95 % interval {low:+.2f} to {high:+.2f}, "
                f"{found['tasks']} tasks, tuned rates)"
            )
    return notes


def _handover_row(handover: "Handover | None") -> Row | None:
    """A handover with its arrays as lists."""
    if handover is None:
        return None
    arrays = {name: getattr(handover, name).tolist() for name in ("mean", "spread")}
    return {**asdict(handover), **arrays}
