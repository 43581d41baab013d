"""Fitness: the gain over cross-entropy on outer_valid, paired by weights and minibatches."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mln.config import FitnessConfig
from mln.pieces import Draw, FitnessProtocol, FloatArray, Map, Piece, Rows, train
from mln.screening import margin
from mln.search.base import Genomes


class PairedGain(NamedTuple):
    """gain: the metric minus that of cross-entropy, [N, K], where more is better.

    A diverged learner has the metric's worst: accuracy 0, nll WORST_NLL. diverged: how many of
    the N * K learners, and of cross-entropy's K; member_steps: the cost. weights: for each draw
    [N + 1, W], cross-entropy's last, where they were kept.
    """

    gain: FloatArray
    diverged: int
    diverged_ce: int
    member_steps: int
    weights: list[Rows] | None = None


class Evaluated(NamedTuple):
    """Fitness of N candidates, [N]; which of them were trained, [N]; the gains of those."""

    fitness: NDArray[np.float64]
    accepted: NDArray[np.bool_]
    paired: PairedGain


def paired_gain(
    genomes: Genomes,
    draws: Sequence[Draw],
    protocol: FitnessProtocol,
    *,
    starts: Sequence[Rows | None] | None = None,
    map: Map | None = None,
) -> PairedGain:
    """Train a learner under each of N genomes [N, G], and under cross-entropy, on each of K draws.

    No gain depends on the other genomes or draws, nor on `map`, which may spread the draws over
    workers. With `starts`, for each draw weights [N + 1, W] or None for newborn learners, those
    are trained on and the final weights are returned; a learner that is not finite starts from
    new weights.
    """
    rates = np.array([draw.lr for draw in draws])[:, None]
    births = None if starts is None else list(starts)
    trained = train(Piece(list(draws), genomes, rates, ("outer_valid",), protocol, births), map)
    scores, diverged = trained.scores["outer_valid"][..., 0], trained.diverged[..., 0]
    return PairedGain(
        gain=scores[:-1] - scores[-1],
        diverged=int(diverged[:-1].sum()),
        diverged_ce=int(diverged[-1].sum()),
        member_steps=(len(genomes) + 1) * len(draws) * protocol.training.steps,
        weights=trained.weights,
    )


def evaluate(
    candidates: Genomes,
    draws: Sequence[Draw],
    protocol: FitnessProtocol,
    starts: Sequence[Rows | None] | None = None,
    map: Map | None = None,
) -> Evaluated:
    """Screen candidates [N, G], train those that pass, and give the others the worst fitness.

    Where none passes, cross-entropy alone is trained, and each has a fitness below any gain in
    accuracy that rises with its screening margin, so that a search can find its way out.
    """
    margins = margin(protocol.spec, candidates) if protocol.fitness.screen else None
    accepted = np.ones(len(candidates), bool) if margins is None else margins > 0
    if starts is not None:
        rows = np.append(accepted, True)
        starts = [None if start is None else start[rows] for start in starts]
    paired = paired_gain(candidates[accepted], draws, protocol, starts=starts, map=map)
    if margins is not None and not accepted.any():
        return Evaluated(margins - 1, accepted, paired)
    gains = aggregate(paired.gain, groups_of(draws, protocol.fitness), protocol.fitness)
    fitness = np.full(len(candidates), gains.min())
    fitness[accepted] = gains
    return Evaluated(fitness, accepted, paired)


def tuned_gain(
    genomes: Genomes,
    draws: Sequence[Draw],
    rates: Sequence[float],
    protocol: FitnessProtocol,
    *,
    map: Map | None = None,
) -> PairedGain:
    """As `paired_gain`, each loss at its own rate on each draw: the best of `rates` on inner_valid.

    Every draw is a replicate that tunes for itself, as every seed of a benchmark does, so that the
    luck of tuning is in the spread over draws. Cross-entropy chooses from the same rates with the
    same budget; equal scores go to the rate that stands first. The draws' own rates are not used.
    """
    grid = np.tile(np.asarray(rates, dtype=np.float64), (len(draws), 1))
    splits = ("inner_valid", "outer_valid")
    trained = train(Piece(list(draws), genomes, grid, splits, protocol), map)
    best = trained.scores["inner_valid"].argmax(2)[..., None]
    scores, diverged = (
        np.take_along_axis(values, best, axis=2)[..., 0]
        for values in (trained.scores["outer_valid"], trained.diverged)
    )
    return PairedGain(
        gain=scores[:-1] - scores[-1],
        diverged=int(diverged[:-1].sum()),
        diverged_ce=int(diverged[-1].sum()),
        member_steps=(len(genomes) + 1) * grid.size * protocol.training.steps,
    )


def groups_of(draws: Sequence[Draw], config: FitnessConfig) -> list[str]:
    """The group of each draw, [K], whose mean gains a fitness is made of."""
    return [draw.task.regime if config.group_by == "regime" else draw.task.name for draw in draws]


def aggregate(gain: FloatArray, groups: Sequence[str], config: FitnessConfig) -> FloatArray:
    """One fitness per candidate, [N], from gains [N, K] on tasks of these K groups.

    A group's mean gain counts `loss_weight` times where it is negative. mean: over the groups,
    each as often as it has tasks. cvar: the mean of the worst `cvar_share` of the groups, at least
    one of them (Rockafellar and Uryasev 2000): what no part of the mixture may pay for.
    """
    if config.aggregate == "mean" and config.loss_weight == 1:
        mean: FloatArray = gain.mean(1)
        return mean
    labels = np.array(groups)
    names = sorted(set(groups))
    by_group = np.stack([gain[:, labels == name].mean(1) for name in names], axis=1)
    by_group = np.where(by_group < 0, config.loss_weight * by_group, by_group)
    if config.aggregate == "mean":
        counts = [int((labels == name).sum()) for name in names]
        weighted: FloatArray = (by_group * counts).sum(1) / len(labels)
        return weighted
    if config.aggregate == "mean_minus_spread":
        spread: FloatArray = by_group.mean(1) - config.spread_weight * by_group.std(1)
        return spread
    count = max(round(config.cvar_share * by_group.shape[1]), 1)
    worst: FloatArray = np.sort(by_group, axis=1)[:, :count].mean(1)
    return worst
