"""Tuning: every loss gets the same learning rates on the same tuning seeds."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from bench.experiment import Experiment, TuningSection
from bench.store import Row


class Choice(NamedTuple):
    """The rate with the best mean inner_valid accuracy, and what choosing it cost."""

    lr: float
    score: float
    configurations: int
    seeds: int


def configurations(tuning: TuningSection) -> list[tuple[float, int]]:
    """Every (learning rate, tuning seed) that each loss is trained with."""
    return [(lr, seed) for lr in tuning.rates for seed in range(tuning.seeds)]


def choose(rows: Iterable[Row]) -> Choice:
    """The best rate of one loss on one task; a diverged run counts as accuracy 0.

    Equal scores go to the smaller rate.
    """
    scores: dict[float, list[float]] = {}
    for row in rows:
        scores.setdefault(row["lr"], []).append(row["score"])
    means = {lr: float(np.mean(values)) for lr, values in sorted(scores.items())}
    best = max(means, key=lambda lr: means[lr])
    return Choice(best, means[best], len(means), len(scores[best]))


def unequal_budgets(choices: Sequence[Row]) -> list[str]:
    """Complaints about losses of a task that were not tuned with the same budget."""
    budgets: dict[str, set[tuple[int, int]]] = {}
    for row in choices:
        budgets.setdefault(row["task"], set()).add((row["configurations"], row["seeds"]))
    return [
        f"{task}: losses were tuned with different budgets"
        for task, found in budgets.items()
        if len(found) > 1
    ]


def choice_row(experiment: Experiment, task: str, learner: str, loss: str, choice: Choice) -> Row:
    """A choice as the store keeps it."""
    row: dict[str, Any] = choice._asdict()
    return row | {
        "fingerprint": experiment.fingerprint(),
        "task": task,
        "learner": learner,
        "loss": loss,
        "parameter": None,
    }
