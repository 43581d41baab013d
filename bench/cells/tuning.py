"""Tuning: every loss gets the same number of configurations on the same tuning seeds."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from bench.catalogue.metrics import METRICS
from bench.cells.loss_ref import LossRef
from bench.cells.training import Outcome
from bench.experiment.sections import TuningSection
from bench.store.store import Row


class Choice(NamedTuple):
    """The configuration with the best mean score on inner_valid, and what choosing it cost.

    parameter: the loss's own, None where it has none. score: in the unit of the tuning's metric.
    """

    lr: float
    parameter: float | None
    score: float
    configurations: int
    seeds: int


class TuningPlan(NamedTuple):
    """One loss at one value of its parameter, and the learning rates it is tried at."""

    loss: LossRef
    rates: tuple[float, ...]


def plans(tuning: TuningSection, loss: LossRef) -> list[TuningPlan]:
    """Everything a loss is tuned over; `len(rates) * parameter_values` rates in all.

    What a loss with a parameter spends on the parameter, a loss without one spends on rates: a
    geometric grid over the same span with as many times more points.
    """
    values = tuning.parameter_values
    tried = loss.tried(values)
    if len(tried) == values:
        return [TuningPlan(variant, tuning.rates) for variant in tried]
    return [TuningPlan(loss, finer(tuning.rates, values))]


def finer(rates: Sequence[float], times: int) -> tuple[float, ...]:
    """A geometric grid over the span of `rates`, with `times` as many points."""
    low, high = min(rates), max(rates)
    inner = np.geomspace(low, high, times * len(rates))[1:-1]
    return (low, *(float(f"{rate:.4g}") for rate in inner), high)


def score_of(outcome: Outcome, metric: str, steps: int) -> float:
    """A learner's score on inner_valid after training of `steps` steps.

    A diverged learner is the worst one, not an absent one.
    """
    score = outcome.metrics[metric] if outcome.status == "done" else None
    return METRICS[metric].worst_after(steps) if score is None else score


def choose(rows: Iterable[Row], metric: str) -> Choice:
    """The best configuration of one loss on one task by the mean score over tuning seeds.

    Equal scores go to the smaller rate, and of one rate to the parameter that comes first.
    """
    scores: dict[tuple[float, float | None], list[float]] = {}
    for row in rows:
        scores.setdefault((row["lr"], row["parameter"]), []).append(row["score"])
    means = {key: float(np.mean(scores[key])) for key in sorted(scores, key=lambda key: key[0])}
    better = min if METRICS[metric].is_minimised else max
    best = better(means, key=lambda key: means[key])
    return Choice(*best, means[best], len(means), len(scores[best]))
