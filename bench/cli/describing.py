"""Descriptions of tasks as tables on a terminal."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from bench.cli.console import print_notes, print_rows
from bench.describing.model import SPLITS, FeatureDescription, TaskDescription, warnings_of

MAX_ROWS = 60
"""Classes and columns that are listed."""
MAX_LEVELS = 8
MAX_WARNINGS = 12


def print_description(about: TaskDescription) -> None:
    """All that is known of a task on standard output, what is doubtful on standard error."""
    rows = [{"what": name, "is": value} for name, value in _facts(about).items()]
    print_rows(rows, False, about.task)
    print_rows(_few(_classes(about)), False, "Examples")
    if about.features:
        print_rows(_few([_feature(each) for each in about.features]), False, "Columns")
    if about.regimes:
        print_rows([each.model_dump() for each in about.regimes], False, "Regimes")
    for note in about.notes:
        print(f"decided: {note}")
    sys.stdout.flush()
    print_notes([f"warning: {warning}" for warning in about.warnings])


def print_head(descriptions: Sequence[TaskDescription], *, is_short: bool = False) -> None:
    """Before a run: one line for each task, then what is doubtful, on standard error.

    is_short: what is doubtful alone.
    """
    for each in () if is_short else descriptions:
        counts = "/".join(f"{each.examples[name]:,}" for name in SPLITS if name in each.examples)
        shape = _inputs(each)
        print(
            f"task {each.task}: {len(each.classes)} classes, {shape}, {counts} examples "
            f"({'/'.join(name for name in SPLITS if name in each.examples)})",
            file=sys.stderr,
        )
    warnings = warnings_of(descriptions)
    more = len(warnings) - MAX_WARNINGS
    print_notes(warnings[:MAX_WARNINGS])
    if more > 0:
        print_notes([f"{more} more warnings; `mln-bench data TASK` shows all of a task"])


def _inputs(about: TaskDescription) -> str:
    if about.picture:
        return f"{about.picture.mode} pictures of {about.picture.width} by {about.picture.height}"
    if about.features:
        return f"{len(about.features)} columns as {about.inputs} inputs"
    return f"{about.inputs} features"


def _facts(about: TaskDescription) -> dict[str, str]:
    low, high = about.train_sizes
    facts = {
        "family": f"{about.family}: {about.about}",
        "source": about.source,
        "licence": about.licence,
        "inputs": _inputs(about),
        "training examples": f"{low:,}" if low == high else f"{low:,} to {high:,}, drawn",
    }
    if about.content:
        facts["digest of the files"] = about.content[:16]
    if about.picture:
        facts["conversion"] = "; ".join(about.picture.conversions) or "none"
    return facts


def _classes(about: TaskDescription) -> list[dict[str, Any]]:
    total = {"class": "(all)"} | {name: about.examples[name] for name in about.examples}
    return [{"class": each.name, **each.examples} for each in about.classes] + [total]


def _feature(about: FeatureDescription) -> dict[str, Any]:
    levels = ", ".join(about.levels[:MAX_LEVELS])
    more = about.level_count - MAX_LEVELS
    return {
        "column": about.name,
        "kind": about.kind,
        "levels": levels + (f" and {more} more" if more > 0 else "") if about.levels else None,
        "missing": about.missing,
        "inputs": about.inputs,
        "encoding": about.encoding,
    }


def _few(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The first rows, the last of which says how many there are more."""
    if len(rows) <= MAX_ROWS:
        return list(rows)
    more = f"... {len(rows) - MAX_ROWS:,} more (--json has all)"
    first = next(iter(rows[0]))
    return [*rows[:MAX_ROWS], {name: more if name == first else "" for name in rows[0]}]
