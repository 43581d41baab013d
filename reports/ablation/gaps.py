"""What an ablation owes and has not: cells without a result, absent levels, absent seeds.

Gains alone cannot tell: a level that never ran leaves no trace in them, and the correction would
count fewer effects than were declared.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from reports.page.wording import counted

NOT_FINISHED = "not finished"
"""Why the effects of an ablation are refused that lacks anything; its head says what."""


class Owed(NamedTuple):
    """What was declared before the run.

    slots: of those that the study owes, the ones without any gain. levels: of each factor by its
    dotted key, as text. seeds: evolution seeds of every cell (0: not declared).
    """

    slots: tuple[int, ...] = ()
    levels: Mapping[str, Sequence[str]] = {}
    seeds: int = 0


def short(name: str) -> str:
    """The last part of a dotted key."""
    return name.rpartition(".")[2]


def unfinished(gains: pd.DataFrame, owed: Owed, whole: int) -> str:
    """All that is missing, in one phrase; empty if nothing is.

    `whole` counts the seeds that have a gain of every cell on every family.
    """
    found = []
    absent = [
        f"{short(name)} = {level}"
        for name, levels in owed.levels.items()
        for level in levels
        if level not in set(gains[name])
    ]
    if owed.slots:
        cells = len(owed.slots) + gains["slot"].nunique()
        named = f" (none with {' or '.join(absent)} has one)" if absent else ""
        found.append(f"{len(owed.slots)} of {cells} cells have no result{named}")
    elif absent:
        found.append(f"no cell with {' or '.join(absent)} has a result")
    seeds = max(owed.seeds, gains["seed"].nunique())
    if whole < seeds:
        found.append(f"{whole} of {counted(seeds, 'evolution seed')} complete")
    return f"{NOT_FINISHED}: {', '.join(found)}" if found else ""
