"""Several experiments as one report: tasks side by side, every comparison within its experiment."""

import dataclasses
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

import numpy as np
import pandas as pd

from bench.describing.model import TaskDescription
from bench.errors import InputError
from reports.data.curves import NO_CURVES, Curves
from reports.data.model import ReportData

FRAMES = (
    "rows", "plan", "configurations", "tuning", "missing", "evolutions", "history", "shapes",
)  # fmt: skip
DECLARED = (
    "report.metric", "report.direction", "report.rope", "report.alpha", "report.worst",
    "report.baselines", "tuning.metric",
)  # fmt: skip


def merge(parts: Sequence[ReportData]) -> ReportData:
    """One report's data from several experiments.

    A task that several experiments have becomes one task for each, named `task [experiment]`, as
    do evolved losses, and losses from files that differ under one name: rows of different
    experiments are never paired. All comparisons of the
    declared metric form one primary family. Raises InputError where the experiments declared
    different metrics, directions, ROPEs, levels, worst scores or baselines, or tuned for
    different metrics.
    """
    if len(parts) == 1:
        return parts[0]
    first = parts[0].experiment
    for part in parts[1:]:
        for key in DECLARED:
            own, other = (attrgetter(key)(x) for x in (part.experiment, first))
            if own != other:
                raise InputError(
                    f"{part.experiment.name}: {key} is {own!r}, but {other!r} in {first.name}; "
                    "one report needs the same declarations"
                )
    for part in parts:
        if ambiguous := [x for x in _ambiguous(part, parts) if x in first.report.baselines]:
            raise InputError(
                f"{part.experiment.name}: the baseline {ambiguous[0]!r} is another loss than in "
                "the other experiments; one report needs the same baselines"
            )
    renamed = [_renamed(part, parts) for part in parts]
    frames = {
        name: pd.concat([getattr(part, name) for part in renamed], ignore_index=True)
        for name in FRAMES
    }
    return MergedData(
        experiment=first.model_copy(
            update={
                "name": "+".join(part.experiment.name for part in parts),
                "description": " | ".join(
                    part.experiment.description for part in parts if part.experiment.description
                ),
            }
        ),
        **frames,
        curves=_curves(renamed),
        seconds=np.concatenate([part.seconds for part in renamed]),
        trials=pd.DataFrame(),
        intermediate=parts[0].intermediate.iloc[:0],
        importances=parts[0].importances.iloc[:0],
        provenance=_provenance(parts),
        descriptions=_descriptions(renamed),
        runs=tuple(_new_names(part, parts)[loss] for part in parts for loss in part.evolved),
        files=tuple(
            dict.fromkeys(
                _new_names(part, parts).get(loss, loss) for part in parts for loss in part.saved
            )
        ),
    )


@dataclasses.dataclass(frozen=True)
class MergedData(ReportData):
    """Data of several experiments; `experiment` is the first with all their names.

    runs, files: the evolved losses and those from files, by their names here.
    """

    runs: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    @property
    def candidates(self) -> tuple[str, ...]:
        """Losses from files and the evolved ones; without any, all that are no baselines."""
        declared = self.experiment.report.baselines
        own = (*self.files, *self.runs)
        return own or tuple(name for name in self.losses if name not in declared)

    @property
    def saved(self) -> tuple[str, ...]:
        """The losses from files of all experiments."""
        return self.files

    @property
    def evolved(self) -> tuple[str, ...]:
        """The evolved losses of all experiments."""
        return self.runs


def _renamed(part: ReportData, parts: Sequence[ReportData]) -> ReportData:
    """The data with names that no other experiment has."""
    label = part.experiment.name
    others = [other for other in parts if other is not part]
    shared = {task for task in part.tasks if any(task in other.tasks for other in others)}
    tasks = {task: f"{task} [{label}]" for task in shared}
    losses = _new_names(part, parts)
    changes: dict[str, Any] = {}
    for name in FRAMES:
        frame = getattr(part, name).copy()
        for column, names in (("task", tasks), ("loss", losses)):
            if column in frame:
                frame[column] = frame[column].replace(names)
        changes[name] = frame
    changes["descriptions"] = tuple(
        each.model_copy(update={"task": tasks.get(each.task, each.task)})
        for each in part.descriptions
    )
    return dataclasses.replace(part, **changes)


def _new_names(part: ReportData, parts: Sequence[ReportData]) -> dict[str, str]:
    """What the losses are called that other experiments may have under the same name."""
    label = part.experiment.name
    return {loss: f"{loss} [{label}]" for loss in (*_ambiguous(part, parts), *part.evolved)}


def _ambiguous(part: ReportData, parts: Sequence[ReportData]) -> list[str]:
    """The losses from files that are another loss, of the same name, in another experiment."""
    own = _saved_of(part)
    return [
        name
        for name, saved in own.items()
        if any(name in other.losses and _saved_of(other).get(name) != saved for other in parts)
    ]


def _saved_of(part: ReportData) -> Mapping[str, Any]:
    benchmark = part.experiment.benchmark
    return benchmark.saved_losses if benchmark else {}


def _descriptions(parts: Sequence[ReportData]) -> tuple[TaskDescription, ...]:
    """What was understood of all tasks; of those that evolutions share, once."""
    return tuple({each.task: each for part in parts for each in part.descriptions}.values())


def _curves(parts: Sequence[ReportData]) -> Curves:
    steps = sorted({int(step) for part in parts for step in part.curves.steps})
    names = dict.fromkeys(name for part in parts for name in part.curves.values)
    if not steps:
        return NO_CURVES
    grid = np.array(steps, dtype=np.int64)
    values = {}
    for name in names:
        blocks = []
        for part in parts:
            block = np.full((len(part.rows), grid.size), np.nan, dtype=np.float32)
            if name in part.curves.values:
                block[:, np.searchsorted(grid, part.curves.steps)] = part.curves.values[name]
            blocks.append(block)
        values[name] = np.concatenate(blocks)
    return Curves(grid, values)


def merged_seeds(parts: Sequence[Mapping[str, Sequence[str]]]) -> dict[str, list[str]]:
    """The seeds of several experiments by purpose: one's tests may be another's tuning."""
    merged: dict[str, set[str]] = {}
    for part in parts:
        for purpose, seeds in part.items():
            merged.setdefault(purpose, set()).update(seeds)
    return {purpose: sorted(seeds) for purpose, seeds in merged.items()}


def _provenance(parts: Sequence[ReportData]) -> dict[str, Any]:
    cells: dict[str, set[str]] = {}
    for part in parts:
        for name, values in part.provenance["cells"].items():
            cells.setdefault(name, set()).update(values)
    return {
        "fingerprint": " ".join(part.provenance["fingerprint"] for part in parts),
        "seeds": merged_seeds([part.provenance.get("seeds", {}) for part in parts]),
        "run": {part.experiment.name: part.provenance["run"] for part in parts},
        "cells": {name: sorted(values) for name, values in sorted(cells.items())},
        "mixed_processors": sum(part.provenance["mixed_processors"] for part in parts),
    }
