"""What the note and the figures of a study are made from."""

from collections.abc import Sequence
from typing import NamedTuple

from bench.store.store import Row
from studies.outcome import StudyResult


class Importances(NamedTuple):
    """Shares by parameter, from so many trials, by their value at `point` (all of it: None)."""

    shares: dict[str, float]
    trials: int
    point: str | None


class ReviewData(NamedTuple):
    """The numbers of a study that a reader is shown.

    total: the slots that are required; gains: rows of mln_gains; origins: of each slot, where its
    parameters came from.
    """

    result: StudyResult
    total: int
    shares: Importances
    gains: Sequence[Row]
    origins: Sequence[str]


def seed_means(gains: Sequence[Row]) -> dict[int, dict[int, float]]:
    """By slot and evolution seed the mean gain over all tasks, from rows of mln_gains."""
    by_slot: dict[int, dict[int, list[tuple[float, int]]]] = {}
    for row in gains:
        seeds = by_slot.setdefault(row["slot"], {})
        seeds.setdefault(row["seed"], []).append((row["gain"], row["tasks"]))
    return {
        slot: {
            seed: sum(gain * tasks for gain, tasks in pairs) / sum(tasks for _, tasks in pairs)
            for seed, pairs in seeds.items()
        }
        for slot, seeds in by_slot.items()
    }
