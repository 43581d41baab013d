"""Training the learners of the benchmark: what determines a cell's numbers."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.catalogue.metrics import DriftSteps, Measured, scores
from bench.cells.loss_ref import LossRef
from bench.cells.seeds import Purpose, seed_for
from mln.config import LearnerSpec, TrainingSpec
from mln.kernels.engine import KernelName
from mln.random import child

if TYPE_CHECKING:
    from mln.drift import Timing
    from mln.rollout import RolloutResult
    from mln.task import Task

TASK, LEARNER = 0, 1


@dataclass(frozen=True)
class Member:
    """One learner to be trained: its key, the index of its seed and its learning rate."""

    key: str
    seed: int
    lr: float


@dataclass(frozen=True)
class TrainingJob:
    """Learners of one task under one loss, measured on inner_valid and on test."""

    task: str
    unit: str
    loss: LossRef
    members: tuple[Member, ...]
    root_seed: int
    learner: LearnerSpec
    training: TrainingSpec
    curve_points: int
    kernel: KernelName
    device: str = "cpu"

    def without(self, known: set[str]) -> "TrainingJob":
        """The job for those of its members alone whose keys are not known."""
        return replace(self, members=tuple(m for m in self.members if m.key not in known))

    @property
    def member_steps(self) -> int:
        """Cost of the job."""
        return len(self.members) * self.training.steps


@dataclass(frozen=True)
class Outcome:
    """What became of one learner; scores by name, NaN stored as None; its share of the time.

    metrics: as `bench.catalogue.metrics` says; inner: the same measures on inner_valid, by which
    policies choose.
    """

    key: str
    seed: int
    lr: float
    status: str
    detail: str
    metrics: dict[str, float | None]
    inner: dict[str, float | None]
    curve: dict[str, list[float | None]]
    seconds: float


def failed(member: Member, reason: str) -> Outcome:
    """What became of a learner whose training ended in an exception."""
    return Outcome(member.key, member.seed, member.lr, "failed", reason[:500], {}, {}, {}, 0.0)


def train(job: TrainingJob) -> list[Outcome]:
    """Train a job's learners in one rollout; the outcomes are in the order of its members.

    A learner's numbers depend on its own seed and rate alone.
    """
    from bench.cells.drift_scores import drift_points
    from bench.tasks.resolve import resolve
    from mln.kernels import engine
    from mln.problem import make_problem
    from mln.rollout import Members, RolloutOptions, curve_points

    started = time.perf_counter()
    draw = resolve(job.task).source(test=True)
    indices = sorted({member.seed for member in job.members})
    seeds = [seed_for(job.root_seed, Purpose.TEST, index) for index in indices]
    tasks = [draw(child(seed, TASK)) for seed in seeds]
    problem = make_problem(
        tasks,
        [child(seed, LEARNER) for seed in seeds],
        job.learner,
        job.training,
        ("inner_valid", "test"),
    )
    slots = np.array([indices.index(member.seed) for member in job.members])
    sizes = [{"inner_valid": len(task.inner_valid.y), "test": test_size(task)} for task in tasks]
    steps = job.training.steps
    even = curve_points(steps, job.curve_points)
    timings = [drift_timing(task, steps) for task in tasks]
    around = [step for timing in timings if timing for step in drift_points(timing, steps)]
    counts = class_counts(tasks)[slots] if job.loss.needs_class_counts else None
    result = engine.rollout(
        problem,
        Members(slots, np.array([member.lr for member in job.members])),
        job.loss.stacked(len(job.members), problem.classes, job.device, counts),
        sorted({*even, *around}),
        RolloutOptions(job.device),
        job.kernel,
    )
    outcomes = [
        _outcome(member, row, result, even, timings[slots[row]], sizes[slots[row]])
        for row, member in enumerate(job.members)
    ]
    seconds = (time.perf_counter() - started) / len(outcomes)
    return [replace(outcome, seconds=seconds) for outcome in outcomes]


def class_counts(tasks: "Sequence[Task]") -> NDArray[np.int64]:
    """How often each class occurs among each task's training labels, [K, C]."""
    return np.stack([np.bincount(task.train.y, minlength=task.classes) for task in tasks])


def test_size(task: "Task") -> int:
    """Examples in the test split. Raises ValueError where the task was drawn without it."""
    if task.test is None:
        raise ValueError(f"{task.name}: drawn without its test split")
    return len(task.test.y)


def drift_timing(task: "Task", steps: int) -> "Timing | None":
    """When a task drifts in a training of `steps` steps."""
    from mln.drift import Timing

    return Timing(task.drift.start, task.drift.width, steps) if task.drift else None


def _outcome(
    member: Member,
    row: int,
    result: "RolloutResult",
    even: Sequence[int],
    timing: "Timing | None",
    sizes: dict[str, int],
) -> Outcome:
    """A learner's scores at the even points of its curve, and at those around its own drift."""
    from bench.cells.drift_scores import drift_points

    steps = int(result.points[-1])
    around = drift_points(timing, steps) if timing else []
    # Neighbours that drift elsewhere are measured at points of their own.
    own = np.isin(result.points, [*even, *around])
    points = result.points[own]
    on_curve = np.isin(points, even)
    drift = DriftSteps(timing.first, timing.last) if timing else None
    inner_accuracy = _as_counted(
        result.scores["inner_valid"].accuracy[row, own], sizes["inner_valid"]
    )

    def measured(split: str) -> Measured:
        accuracy, nll, balanced, ece = (values[row, own] for values in result.scores[split])
        accuracy = _as_counted(accuracy, sizes[split])
        return Measured(
            steps=steps,
            points=points,
            on_curve=on_curve,
            inner_accuracy=inner_accuracy,
            accuracy=accuracy,
            nll=nll,
            balanced_accuracy=balanced,
            ece=ece,
            drift=drift,
        )

    tested = measured("test")
    metrics, inner = scores(tested), scores(measured("inner_valid"))
    curve: dict[str, list[float | None]] = {
        "step": points.tolist(),
        "accuracy": _finite_or_none(tested.accuracy),
        "nll": _finite_or_none(tested.nll),
    }
    diverged = result.diverged_at[row] >= 0
    detail = f"{result.reasons[row]} at step {result.diverged_at[row]}" if diverged else ""
    if not detail and not np.isfinite([*metrics.values(), *inner.values()]).all():
        detail = "logits not finite after the last step"
    return Outcome(
        key=member.key,
        seed=member.seed,
        lr=member.lr,
        status="diverged" if detail else "done",
        detail=detail,
        metrics=_named(metrics),
        inner=_named(inner),
        curve=curve,
        seconds=0.0,
    )


def _as_counted(accuracy: NDArray[np.float32], examples: int) -> NDArray[np.float64]:
    """Accuracies in double precision, those that are a count of `examples` as that share exactly.

    Single precision would make equal differences unequal in their last digits, and tests over
    their sums would take ties for differences.
    """
    exact = accuracy.astype(np.float64)
    counted: NDArray[np.float64] = np.rint(exact * examples) / examples
    return np.where(np.abs(counted - exact) < 1e-6, counted, exact)


def _named(scores: dict[str, float]) -> dict[str, float | None]:
    return dict(zip(scores, _finite_or_none(list(scores.values())), strict=True))


def _finite_or_none(values: Sequence[float] | np.ndarray) -> list[float | None]:
    """JSON numbers: what is not finite becomes None."""
    return [float(value) if np.isfinite(value) else None for value in values]
