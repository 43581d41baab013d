"""The learners that a co-evolution ends with: kept in a file, and measured on test by `run`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.random import SeedSequence
from safetensors import safe_open
from safetensors.numpy import save

from bench.running.intervals import mean_and_half_width
from bench.store.store import Row
from bench.tasks.resolve import mixture
from mln.config import EvolutionConfig, TrainingSpec

if TYPE_CHECKING:  # importing the runner imports no torch
    from mln.coevolution import FinalLearners


class LearnerScore(NamedTuple):
    """Test accuracy and nll (nats) of one co-evolved learner and of cross-entropy's twin of it,
    which has trained as long on the same minibatches."""

    task: str
    accuracy: float
    nll: float
    accuracy_ce: float
    nll_ce: float


def learners_path(artifacts: Path, key: str) -> Path:
    """Where the learners of an evolution lie."""
    return artifacts / "learners" / f"{key[:16]}.safetensors"


def packed(learners: "FinalLearners") -> bytes:
    """Learners and the seeds of their tasks, as the content of a file."""
    arrays = {}
    for k, (ours, ce) in enumerate(zip(learners.weights, learners.ce, strict=True)):
        arrays[f"ours.{k:04d}"], arrays[f"ce.{k:04d}"] = np.array(ours), np.array(ce)
    seeds = [[str(seed.entropy), list(seed.spawn_key)] for seed in learners.task_seeds]
    return save(arrays, {"task_seeds": json.dumps(seeds)})


def load_learners(path: Path) -> "FinalLearners":
    """Read a file of what `packed` gave.

    Raises OSError or SafetensorError where the file cannot be read.
    """
    from mln.coevolution import FinalLearners

    with safe_open(path, framework="numpy") as file:
        seeds = json.loads((file.metadata() or {})["task_seeds"])
        count = range(len(seeds))
        ours = [file.get_tensor(f"ours.{k:04d}") for k in count]
        ce = [file.get_tensor(f"ce.{k:04d}") for k in count]
    return FinalLearners(
        [SeedSequence(int(entropy), spawn_key=tuple(key)) for entropy, key in seeds], ours, ce
    )


def measure_learners(
    learners: "FinalLearners", families: Sequence[str], settings: EvolutionConfig
) -> list[LearnerScore]:
    """Score each learner on the test split of its own task; nothing is trained.

    families, settings: those of the evolution, which the tasks were drawn from. Only a report on
    finished learners may call this: it builds test splits.
    """
    from mln.kernels.reference import score
    from mln.problem import make_problem
    from mln.rollout import Members

    draw = mixture(families, test=True, in_turn=settings.strata)
    learner_scores = []
    for seed, ours, ce in zip(learners.task_seeds, learners.weights, learners.ce, strict=True):
        task = draw(seed)
        problem = make_problem([task], [seed], settings.learner, TrainingSpec(steps=1), ("test",))
        members = Members(np.zeros(2, np.int64), np.zeros(2), np.stack([ours, ce]))
        scores = score(problem, members, "test")
        accuracy, accuracy_ce = scores.accuracy[:, 0].tolist()
        nll, nll_ce = scores.nll[:, 0].tolist()
        learner_scores.append(LearnerScore(task.name, accuracy, nll, accuracy_ce, nll_ce))
    return learner_scores


class LearnersJob(NamedTuple):
    """The final learners of an evolution, to be measured."""

    key: str
    learners: "FinalLearners"
    families: tuple[str, ...]
    settings: EvolutionConfig


def measure_job(job: LearnersJob) -> Row:
    """The row that the store keeps."""
    scores = measure_learners(job.learners, job.families, job.settings)
    return {"key": job.key, "scores": [score._asdict() for score in scores]}


def summarise(loss: str, scores: Sequence[Row]) -> Row:
    """Mean test accuracy of a loss's own learners and of cross-entropy's, and the paired gain.

    scores: of each learner a `LearnerScore` as the store keeps it. half_width: of the gain's 95 %
    interval, None for a single learner.
    """
    gains = [score["accuracy"] - score["accuracy_ce"] for score in scores]
    mean, half_width = mean_and_half_width(gains)
    return {
        "loss": loss,
        "learners": len(scores),
        "accuracy": float(np.mean([score["accuracy"] for score in scores])),
        "accuracy_ce": float(np.mean([score["accuracy_ce"] for score in scores])),
        "gain": mean,
        "half_width": half_width,
    }
