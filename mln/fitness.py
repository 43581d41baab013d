"""Fitness: the gain over cross-entropy on outer_valid, paired by weights and minibatches."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.random import SeedSequence
from numpy.typing import NDArray

from mln.config import LearnerSpec, LossSpec, TrainingSpec
from mln.genome import Genomes
from mln.kernels import analytic
from mln.losses.base import StackedLoss
from mln.losses.formulas import CrossEntropy
from mln.losses.meta import stacked_from_genomes
from mln.rollout import Members, Problem, make_problem
from mln.task import Task

FloatArray = NDArray[np.float64]


class Draw(NamedTuple):
    """One task that all candidates are paired on, with its learning rate and its seed."""

    task: Task
    lr: float
    seed: SeedSequence


class Protocol(NamedTuple):
    """How every learner of a fitness evaluation is trained."""

    spec: LossSpec
    learner: LearnerSpec
    training: TrainingSpec
    device: str = "cpu"


class PairedGain(NamedTuple):
    """gain: accuracy minus that of cross-entropy, [N, K]; a diverged learner has accuracy 0.

    diverged: how many of the N * K learners, and of cross-entropy's K; member_steps: the cost.
    """

    gain: FloatArray
    diverged: int
    diverged_ce: int
    member_steps: int


def paired_gain(genomes: Genomes, draws: Sequence[Draw], protocol: Protocol) -> PairedGain:
    """Train a learner under each of N genomes [N, G], and under cross-entropy, on each of K draws.

    No gain depends on the other genomes or draws.
    """
    rates = np.array([draw.lr for draw in draws])[:, None]
    ours, ce = _accuracies(genomes, draws, rates, ("outer_valid",), protocol)["outer_valid"]
    return PairedGain(
        gain=np.nan_to_num(ours[..., 0]) - np.nan_to_num(ce[..., 0]),
        diverged=int(np.isnan(ours).sum()),
        diverged_ce=int(np.isnan(ce).sum()),
        member_steps=(len(genomes) + 1) * len(draws) * protocol.training.steps,
    )


def tuned_gain(
    genomes: Genomes, draws: Sequence[Draw], rates: Sequence[float], protocol: Protocol
) -> PairedGain:
    """As `paired_gain`, each loss at its own rate: the best of `rates` on inner_valid.

    The rate is chosen per loss, by the mean accuracy over all draws; cross-entropy chooses from
    the same rates with the same budget. The draws' own rates are not used.
    """
    grid = np.tile(np.asarray(rates, dtype=np.float64), (len(draws), 1))
    found = _accuracies(genomes, draws, grid, ("inner_valid", "outer_valid"), protocol)
    best = [np.nan_to_num(accuracy).mean(-2).argmax(-1) for accuracy in found["inner_valid"]]
    ours, ce = found["outer_valid"]
    ours = ours[np.arange(len(genomes)), :, best[0]]
    ce = ce[:, int(best[1])]
    return PairedGain(
        gain=np.nan_to_num(ours) - np.nan_to_num(ce),
        diverged=int(np.isnan(ours).sum()),
        diverged_ce=int(np.isnan(ce).sum()),
        member_steps=(len(genomes) + 1) * grid.size * protocol.training.steps,
    )


def _accuracies(
    genomes: Genomes,
    draws: Sequence[Draw],
    rates: FloatArray,
    splits: Sequence[str],
    protocol: Protocol,
) -> dict[str, tuple[FloatArray, FloatArray]]:
    """Final accuracies by split: of the genomes [N, K, R] and of cross-entropy [K, R].

    rates: [K, R], those of each draw; NaN where a learner diverged. Draws of equal shape are
    trained together.
    """
    count, (_, width) = len(genomes), rates.shape
    theta = torch.from_numpy(np.ascontiguousarray(genomes)).to(protocol.device)
    found = {name: (np.empty((count, *rates.shape)), np.empty(rates.shape)) for name in splits}
    for group in _same_shape(draws):
        problem = make_problem(
            [draws[k].task for k in group],
            [draws[k].seed for k in group],
            protocol.learner,
            protocol.training,
            splits,
        )
        slots = np.repeat(np.arange(len(group)), width)
        ours = stacked_from_genomes(protocol.spec, theta, problem.classes).take(
            torch.arange(count, device=theta.device).repeat_interleave(len(slots))
        )
        ce = CrossEntropy(len(slots))
        pairs: tuple[tuple[StackedLoss, int], ...] = ((ours, count), (ce, 1))
        for position, (losses, copies) in enumerate(pairs):
            accuracy = _final_accuracy(
                problem,
                Members(np.tile(slots, copies), np.tile(rates[group].ravel(), copies)),
                losses,
                protocol.device,
            )
            for name in splits:
                target = found[name][position]
                target[..., group, :] = accuracy[name].reshape(*target.shape[:-2], -1, width)
    return found


def _final_accuracy(
    problem: Problem, members: Members, losses: StackedLoss, device: str
) -> dict[str, FloatArray]:
    result = analytic.rollout(problem, members, losses, [problem.training.steps], device=device)
    return {name: scores.accuracy[:, -1] for name, scores in result.scores.items()}


def _same_shape(draws: Sequence[Draw]) -> list[list[int]]:
    """Numbers of the draws, grouped by their tasks' (features, classes)."""
    groups: dict[tuple[int, int], list[int]] = {}
    for k, draw in enumerate(draws):
        groups.setdefault((draw.task.features, draw.task.classes), []).append(k)
    return list(groups.values())
