"""Rollouts of many losses on many draws, in pieces that several workers can share."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.random import SeedSequence
from numpy.typing import NDArray

from mln.config import EvolutionConfig, FitnessConfig, LearnerSpec, LossSpec, TrainingSpec
from mln.drift import drift_step, label_cycle
from mln.kernels import engine
from mln.losses.base import StackedLoss
from mln.losses.formulas import CrossEntropy
from mln.losses.meta import stacked_from_genomes
from mln.problem import Problem, make_problem
from mln.random import generator
from mln.rollout import Members, RolloutOptions, SplitScores, curve_points
from mln.search.base import Genomes
from mln.task import Task

FloatArray = NDArray[np.float64]
Rows = NDArray[np.float32]

WORST_NLL = 10.0
"""Nats, the score of a diverged learner; no finite one counts as worse."""

CYCLE = 3
"""Key below a draw's seed; those before it are mln.problem's."""

MAX_SPREAD_DRAWS = 4
"""Draws that are trained together where several workers share them."""


class Draw(NamedTuple):
    """One task that all candidates are paired on, with its learning rate and its seed."""

    task: Task
    lr: float
    seed: SeedSequence


class FitnessProtocol(NamedTuple):
    """How every learner of a fitness evaluation is trained and measured."""

    spec: LossSpec
    learner: LearnerSpec
    training: TrainingSpec
    device: str = "cpu"
    fitness: FitnessConfig = FitnessConfig()
    kernel: engine.KernelChoice = "auto"

    @classmethod
    def of(
        cls, config: EvolutionConfig, spec: LossSpec, device: str, kernel: engine.KernelChoice
    ) -> "FitnessProtocol":
        """As an evolution with these settings trains and measures."""
        return cls(spec, config.learner, config.training, device, config.fitness, kernel)


class Piece(NamedTuple):
    """K draws, on which learners are trained under N genomes and cross-entropy. Picklable.

    genomes: [N, G]; rates: of each draw, [K, R]; starts: for each draw weights [N + 1, W], or None
    for newborn learners. With starts the final weights are kept.
    """

    draws: list[Draw]
    genomes: Genomes
    rates: FloatArray
    splits: tuple[str, ...]
    protocol: FitnessProtocol
    starts: list[Rows | None] | None = None

    def part(self, numbers: Sequence[int]) -> "Piece":
        """The draws of these numbers."""
        return self._replace(
            draws=[self.draws[k] for k in numbers],
            genomes=np.ascontiguousarray(self.genomes),
            rates=self.rates[numbers],
            starts=None if self.starts is None else [self.starts[k] for k in numbers],
        )


class Trained(NamedTuple):
    """What became of N candidates' learners and, in the last row, of cross-entropy's.

    scores: the metric by split, [N + 1, K, R]; diverged: [N + 1, K, R]; weights: for each draw
    [N + 1, W], where they were kept (R = 1).
    """

    scores: dict[str, FloatArray]
    diverged: NDArray[np.bool_]
    weights: list[Rows] | None


Map = Callable[[Callable[[Piece], Trained], Iterable[Piece]], Iterable[Trained]]
"""As the built-in map or an executor's: spreads pieces over workers, keeps their order."""


def measured_at(config: FitnessConfig, steps: int) -> list[int]:
    """The steps after which the metric is measured; its score is the mean over them."""
    if config.metric == "area":
        return curve_points(steps, config.curve_points)
    if config.metric == "post_drift" and config.drift is not None:
        change = drift_step(config.drift, steps)
        return [change + point for point in curve_points(steps - change, config.curve_points)]
    return [steps]


def _score(scores: SplitScores, config: FitnessConfig) -> FloatArray:
    """The metric of each member, [P], where more is better; not a number counts as the worst."""
    if config.metric == "nll":
        nll: FloatArray = np.nan_to_num(scores.nll, nan=WORST_NLL).clip(max=WORST_NLL).mean(1)
        return -nll
    accuracy: FloatArray = np.nan_to_num(scores.accuracy).mean(1)
    return accuracy


def train(whole: Piece, map: Map | None = None) -> Trained:
    """Train the learners of any draws: those of equal shape together, spread over workers by `map`.

    No result depends on the other genomes or draws, nor on `map`.
    """
    draws, starts = whole.draws, whole.starts
    parts = _same_shape(draws, MAX_SPREAD_DRAWS if map else len(draws))
    pieces = [whole.part(numbers) for numbers in parts]
    shape = (len(whole.genomes) + 1, *whole.rates.shape)
    scores = {name: np.empty(shape) for name in whole.splits}
    diverged = np.empty(shape, dtype=bool)
    weights: list[Any] = [None] * len(draws)
    for numbers, trained in zip(parts, (map or _in_turn)(train_piece, pieces), strict=True):
        for name in whole.splits:
            scores[name][:, numbers] = trained.scores[name]
        diverged[:, numbers] = trained.diverged
        for k, rows in zip(numbers, trained.weights or (), strict=starts is not None):
            weights[k] = rows
    return Trained(scores, diverged, None if starts is None else weights)


def _in_turn(work: Callable[[Piece], Trained], pieces: Iterable[Piece]) -> Iterable[Trained]:
    return (work(piece) for piece in pieces)


def train_piece(piece: Piece) -> Trained:
    """Train the learners of a piece whose draws have one shape, under each genome and then under
    cross-entropy. Raises ValueError where the shapes differ or the kernel cannot train them."""
    protocol, (draws, width) = piece.protocol, piece.rates.shape
    problem = make_problem(
        [_drifting(draw, protocol.fitness.drift) for draw in piece.draws],
        [draw.seed for draw in piece.draws],
        protocol.learner,
        protocol.training,
        piece.splits,
    )
    # Cross-entropy is trained by the candidates' kernel: a gain is not a difference of kernels.
    kernel = engine.choose(
        protocol.learner,
        protocol.spec,
        protocol.device,
        protocol.kernel,
        protocol.training.augmentation.changes,
    )
    count = len(piece.genomes)
    theta = torch.from_numpy(piece.genomes).to(protocol.device)
    slots = np.repeat(np.arange(draws), width)
    start = _start(piece, problem)
    parts = []
    # Where all candidates were rejected, cross-entropy alone is trained.
    for rows in (range(count), range(count, count + 1)):
        if not rows:
            continue
        losses: StackedLoss = CrossEntropy(len(slots))
        if rows.stop == count:
            losses = stacked_from_genomes(protocol.spec, theta, problem.classes).take(
                torch.arange(count, device=theta.device).repeat_interleave(len(slots))
            )
        members = Members(
            np.tile(slots, len(rows)),
            np.tile(piece.rates.ravel(), len(rows)),
            None if start is None else start[rows].reshape(len(rows) * draws, -1),
        )
        parts.append(
            engine.rollout(
                problem,
                members,
                losses,
                measured_at(protocol.fitness, protocol.training.steps),
                RolloutOptions(protocol.device, keep_weights=piece.starts is not None),
                kernel,
            )
        )
    shape = (count + 1, draws, width)
    last = [part.scores[piece.splits[-1]].accuracy[:, -1] for part in parts]
    return Trained(
        {
            name: np.concatenate(
                [_score(part.scores[name], protocol.fitness) for part in parts]
            ).reshape(shape)
            for name in piece.splits
        },
        np.isnan(np.concatenate(last)).reshape(shape),
        _kept([part.weights for part in parts if part.weights is not None], draws),
    )


def _drifting(draw: Draw, drift: float | None) -> Task:
    """A draw's task, with the change of labels that a fitness may have."""
    return (
        draw.task if drift is None else label_cycle(draw.task, drift, generator(draw.seed, CYCLE))
    )


def _start(piece: Piece, problem: Problem) -> Rows | None:
    """Weights [N + 1, k, W] to train on from, or None where all learners are newborn."""
    if piece.starts is None or all(rows is None for rows in piece.starts):
        return None
    start = np.tile(problem.initial, (len(piece.genomes) + 1, 1, 1))
    for k, rows in enumerate(piece.starts):
        if rows is not None:
            alive = np.isfinite(rows).all(1)
            start[alive, k] = rows[alive]
    return start


def _kept(weights: Sequence[Rows], draws: int) -> list[Rows] | None:
    """For each draw the final weights [N + 1, W] of parts [n * k, W]."""
    if not weights:
        return None
    whole = np.concatenate(weights)
    return [whole[k::draws] for k in range(draws)]


def _same_shape(draws: Sequence[Draw], size: int) -> list[list[int]]:
    """Numbers of the draws by the shapes of their tasks, at most `size` in a group.

    A picture of 8 x 8 pixels and 64 numbers are two shapes.
    """
    groups: dict[tuple[object, ...], list[int]] = {}
    for k, draw in enumerate(draws):
        task = draw.task
        groups.setdefault((task.features, task.classes, task.image), []).append(k)
    return [group[at : at + size] for group in groups.values() for at in range(0, len(group), size)]
