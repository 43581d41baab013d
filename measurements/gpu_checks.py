"""Checks of a device's kernels: parts of measurements/gpu.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.random import Generator, SeedSequence

from mln.config import STATE_FEATURES, LearnerSpec, LossSpec, TrainingSpec
from mln.kernels import engine, reference
from mln.layout import layout
from mln.losses.base import StackedLoss
from mln.losses.formulas import CrossEntropy, Focal, GeneralisedCrossEntropy, MeanSquaredError
from mln.losses.meta import stacked_from_genomes
from mln.problem import Problem, make_problem
from mln.rollout import Members, RolloutOptions, RolloutResult
from mln.task import Split, Task

if TYPE_CHECKING:
    from measurements.gpu import Run

CONFIGURATIONS, STEPS = 10, 8
SPLITS = ("inner_valid", "outer_valid")
TRAININGS = (
    TrainingSpec(STEPS, optimizer="sgd"),
    TrainingSpec(STEPS, optimizer="sgd", nesterov=True, weight_decay=0.1, schedule="cosine"),
    TrainingSpec(STEPS, optimizer="adam", weight_decay=0.1),
    TrainingSpec(STEPS, optimizer="adamw", weight_decay=0.1, schedule="step"),
)
LEARNED = (
    LossSpec(features="logp,p,y", hidden=32),
    LossSpec(activation="silu", head="softplus", hidden=5),
    LossSpec(kind="adaptive", state=STATE_FEATURES),
    LossSpec(head="gate", state=STATE_FEATURES),
    LossSpec(state=("accuracy", "drop")),
)
SGD_WEIGHTS, SGD_NLL, ADAM_NLL = 3e-5, 3e-5, 1e-3
"""By how much a device may differ from autograd in float64; of Adam the scores are compared."""


def agreement(run: Run) -> list[dict[str, Any]]:
    """Each kernel of the device on random configurations against the CPU's `reference`."""
    rows = []
    for number in range(3 if run.rehearsal else CONFIGURATIONS):
        rng = np.random.default_rng([7, number])
        training = TRAININGS[number % len(TRAININGS)]
        batch = int(rng.integers(5, 70))
        training = TrainingSpec(**{**vars(training), "batch_size": batch})
        hidden = tuple(int(w) for w in rng.integers(1, 33, number % 4))
        shape = int(rng.integers(1, 60)), int(rng.integers(2, 13))
        problem = some_problem(LearnerSpec(hidden), training, shape)
        members = Members(np.array([0, 1, 1]), np.array([0.003, 0.01, 0.05]))
        # Hand-made losses and learned ones in turn.
        choice = number // 2 if number % 2 else -1 - number // 2
        points = [STEPS // 2, STEPS]
        exact = RolloutOptions(keep_weights=True, dtype=torch.float64)
        losses = some_losses(choice, 3, shape[1], torch.float64)
        expected = reference.rollout(problem, members, losses, points, exact)
        for name in _kernels():
            row = {"number": number, "kernel": name, "hidden": hidden, "shape": shape}
            row |= {"optimizer": training.optimizer, "batch": batch, "loss": str(choice)}
            result = run.attempt(
                f"{name} on configuration {number}",
                lambda n=name, p=problem, m=members, c=choice, s=shape, t=points: on_device(
                    run, n, p, m, some_losses(c, 3, s[1]), t
                ),
            )
            row |= {"agrees": False} if result is None else compared(result, expected, training)
            rows.append(row)
            run.say(f"check {row}")
    return rows


def independence(run: Run) -> dict[str, bool]:
    """Whether results have the same bits in another population, order and chunk."""
    found = {}
    problem = some_problem(LearnerSpec((20,)), TrainingSpec(STEPS, 32), (24, 10))
    count = 5 if run.rehearsal else 300
    members = Members(np.arange(count) % 2, np.linspace(0.001, 0.02, count))
    order = np.random.default_rng(5).permutation(count)[: max(count // 40, 2)]
    fewer = Members(members.slot[order], members.lr[order])
    for name in _kernels():
        for loss in (-1, 1, 5):

            def check(n: str = name, c: int = loss) -> bool:
                losses = some_losses(c, count, 10)
                some = losses.take(torch.from_numpy(order))
                whole = on_device(run, n, problem, members, losses, [STEPS])
                part = on_device(run, n, problem, fewer, some, [STEPS])
                chunked = on_device(run, n, problem, members, losses, [STEPS], chunk=3)
                again = on_device(run, n, problem, members, losses, [STEPS])
                return (
                    _same(part, whole, order)
                    and _same(chunked, whole, np.arange(count))
                    and _same(again, whole, np.arange(count))
                )

            same = run.attempt(f"independence of {name}", check)
            found[f"{name}, loss {loss}"] = bool(same)
            run.say(f"independence: {name}, loss {loss}: {same}")
    return found


def some_problem(
    learner: LearnerSpec, training: TrainingSpec, shape: tuple[int, int], side: int = 0
) -> Problem:
    """Two slots of noisy linear classes; of pictures of this side where it is not 0."""
    seeds = [SeedSequence([9, k]) for k in range(2)]
    tasks = [_task(np.random.default_rng(seed), *shape, side) for seed in seeds]
    return make_problem(tasks, seeds, learner, training, SPLITS)


def _task(rng: Generator, features: int, classes: int, side: int) -> Task:
    weights = rng.standard_normal((features, classes))

    def draw(count: int) -> Split:
        x = rng.standard_normal((count, features))
        y = (x @ weights + rng.standard_normal((count, classes))).argmax(1)
        return Split(x.astype(np.float32), y)

    image = (1, side, side) if side else None
    return Task("linear", features, classes, draw(90), draw(37), draw(70), image=image)


def some_losses(
    choice: int, members: int, classes: int, dtype: torch.dtype = torch.float32
) -> StackedLoss:
    """A learned loss (from 0 on) or a hand-made one (below), a different one for each member."""
    if choice >= 0:
        spec = LEARNED[choice % len(LEARNED)]
        genomes = np.random.default_rng(3).standard_normal((members, layout(spec).size))
        theta = torch.from_numpy(0.3 * genomes.astype(np.float32)).to(dtype)
        return stacked_from_genomes(spec, theta, classes)
    parameter = torch.linspace(0.1, 0.9, members).to(dtype)
    made: tuple[StackedLoss, ...] = (
        CrossEntropy(members),
        GeneralisedCrossEntropy(parameter),
        Focal(parameter),
        MeanSquaredError(members),
    )
    return made[-1 - choice % len(made)]


def _kernels() -> list[engine.KernelName]:
    kernels: list[engine.KernelName] = ["analytic", "reference"]
    if engine.gpu.unavailable() is None:
        kernels.insert(0, "triton")
    return kernels


def on_device(
    run: Run,
    kernel: engine.KernelName,
    problem: Problem,
    members: Members,
    losses: StackedLoss,
    points: list[int],
    chunk: int | None = None,
) -> RolloutResult:
    options = RolloutOptions(run.device, chunk, keep_weights=True)
    return engine.get(kernel)(problem, members, moved(losses, run.device), points, options)


def moved(value: Any, device: str) -> Any:
    """A loss with all its tensors on a device."""
    if isinstance(value, torch.Tensor):
        return value.to(device)
    if isinstance(value, list):
        return [moved(part, device) for part in value]
    if not type(value).__module__.startswith("mln.losses"):
        return value
    copy = object.__new__(type(value))
    for name, part in vars(value).items():
        # A frozen dataclass too.
        object.__setattr__(copy, name, moved(part, device))
    if "net" in vars(copy) and copy.net.state is not None:
        copy.net.state = copy.state
    return copy


def compared(
    result: RolloutResult, expected: RolloutResult, training: TrainingSpec
) -> dict[str, Any]:
    assert result.weights is not None
    assert expected.weights is not None
    sgd = training.optimizer == "sgd"
    weights = float(np.abs(result.weights - expected.weights).max())
    nll = max(
        float(np.nanmax(np.abs(result.scores[name].nll - expected.scores[name].nll)))
        for name in SPLITS
    )
    agrees = nll <= (SGD_NLL if sgd else ADAM_NLL) and (not sgd or weights <= SGD_WEIGHTS)
    agrees = agrees and result.reasons == expected.reasons
    return {"weights": weights, "nll": nll, "agrees": agrees}


def _same(some: RolloutResult, whole: RolloutResult, order: np.ndarray) -> bool:
    assert some.weights is not None
    assert whole.weights is not None
    return np.array_equal(some.weights, whole.weights[order], equal_nan=True) and all(
        np.array_equal(a, b[order], equal_nan=True)
        for name in SPLITS
        for a, b in zip(some.scores[name], whole.scores[name], strict=True)
    )
