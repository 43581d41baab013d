"""What of an ablation is missing: cells without a result, absent levels, absent seeds.

Gains alone cannot tell: a level that never ran leaves no trace in them, and the correction would
count fewer effects than were declared.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from bench.experiment.study import VARIANT
from reports.page.wording import counted, listed
from reports.stats.types import Vector

NOT_FINISHED = "not finished"
"""Why the effects of an ablation are refused that lacks anything; its head says what."""

NEVER_REACHED = "the switch point was never reached"
SAME_RUNS = "every run is that of"


def label_of_same(reason: str) -> str:
    """What is said of a level whose runs are its reference's; empty where they differ.

    reason: why it was refused.
    """
    if NEVER_REACHED in reason:
        return "switch never reached"
    return "same runs" if SAME_RUNS in reason else ""


class DeclaredDesign(NamedTuple):
    """What was declared before the run.

    missing_slots: the slots of the study without any gain. levels: of each factor by its dotted
    key, as text. seeds: evolution seeds of every cell (0: not declared). modes: the search of
    each level that decides over it.
    """

    missing_slots: tuple[int, ...] = ()
    levels: Mapping[str, Sequence[str]] = {}
    seeds: int = 0
    modes: Mapping[str, str] = {}


def short(name: str) -> str:
    """The last part of a dotted key."""
    return name.rpartition(".")[2]


def effect_name(factor: str, level: str, reference: str) -> str:
    """An effect as a figure names it; a variant has one reference, which its caption names."""
    return level if factor == VARIANT else f"{factor}: {level} - {reference}"


def unchanged(
    declared: DeclaredDesign, level: str, reference: str, a: Vector, b: Vector
) -> tuple[str, ...]:
    """Why two levels are not compared whose gains (seeds,) are all the same; empty if they differ.

    They are the same evolutions: to call them equivalent would say that a change that was never
    made has no effect.
    """
    if not len(a) or (a != b).any():
        return ()
    if {declared.modes.get(level), declared.modes.get(reference)} == {"hybrid", "ga"}:
        return (f"{NEVER_REACHED}: every run is that of {reference}",)
    return (f"{SAME_RUNS} {reference}: nothing was changed",)


def left_out(copies: Sequence[str]) -> str:
    """Which variants an analysis of variance does not have and why; empty where it has all."""
    if not copies:
        return ""
    return f" Without {listed(list(copies))}: at some budget the runs are the reference's."


def unfinished(gains: pd.DataFrame, declared: DeclaredDesign, whole: int) -> str:
    """All that is missing, in one phrase; empty if nothing is.

    `whole` counts the seeds that have a gain of every cell on every family.
    """
    phrases = []
    absent = [
        f"{short(name)} = {level}"
        for name, levels in declared.levels.items()
        for level in levels
        if level not in set(gains[name])
    ]
    if declared.missing_slots:
        cells = len(declared.missing_slots) + gains["slot"].nunique()
        named = f" (none with {' or '.join(absent)} has one)" if absent else ""
        phrases.append(f"{len(declared.missing_slots)} of {cells} cells have no result{named}")
    elif absent:
        phrases.append(f"no cell with {' or '.join(absent)} has a result")
    seeds = max(declared.seeds, gains["seed"].nunique())
    if whole < seeds:
        phrases.append(f"{whole} of {counted(seeds, 'evolution seed')} complete")
    return f"{NOT_FINISHED}: {', '.join(phrases)}" if phrases else ""
