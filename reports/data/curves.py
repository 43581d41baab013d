"""Learning curves: one row per run, aligned with the rows of the report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from reports.stats.intervals import column_intervals

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Curves:
    """`values[metric]` has shape (runs, steps); NaN where a run has no score at a step."""

    steps: NDArray[np.int64]
    values: Mapping[str, Array]

    def take(self, order: "NDArray[np.int64]") -> "Curves":
        """The curves of the runs at these places."""
        return Curves(self.steps, {name: values[order] for name, values in self.values.items()})

    def __len__(self) -> int:
        """Number of runs."""
        return len(next(iter(self.values.values()))) if self.values else 0


NO_CURVES = Curves(np.zeros(0, dtype=np.int64), {})


class CurveBuilder:
    """Collects stored curves run by run; grids of steps that differ are united."""

    def __init__(self) -> None:
        self._parts: list[tuple[tuple[int, ...], dict[str, Array]]] = []
        self._grids: dict[tuple[int, ...], tuple[int, ...]] = {}

    def add(self, curve: Mapping[str, Sequence[Any]] | None) -> None:
        """Append a run's curve, {step: [...], accuracy: [...]}; None for a run without one."""
        if not curve or "step" not in curve:
            self._parts.append(((), {}))
            return
        values = {
            name: np.array(series, dtype=np.float32)  # None becomes NaN
            for name, series in curve.items()
            if name != "step"
        }
        grid = tuple(curve["step"])
        self._parts.append((self._grids.setdefault(grid, grid), values))

    def build(self) -> Curves:
        """All curves on one grid of steps."""
        grids = list(self._grids)
        names = dict.fromkeys(name for _, values in self._parts for name in values)
        if not grids:
            return NO_CURVES
        steps = np.array(sorted(set().union(*grids)), dtype=np.int64)
        places = {grid: np.searchsorted(steps, grid) for grid in grids}
        united = {
            name: np.full((len(self._parts), steps.size), np.nan, dtype=np.float32)
            for name in names
        }
        for run, (grid, values) in enumerate(self._parts):
            for name, series in values.items():
                united[name][run, places[grid]] = series
        return Curves(steps, united)


def first_passage(curves: Array, steps: NDArray[np.int64], threshold: Array) -> NDArray[np.float64]:
    """The first step at which each curve has its threshold (runs,); NaN if it never has."""
    reached = curves >= threshold[:, None]
    first = steps[reached.argmax(axis=1)].astype(float)
    return np.where(reached.any(axis=1), first, np.nan)


def completed(
    values: NDArray[np.floating[Any]],
    groups: pd.DataFrame,
    diverged: NDArray[np.bool_],
    worst: float,
) -> NDArray[np.float64]:
    """Curves whose mean over the runs of a group is one over the same runs at every step.

    All curves share one grid of steps, but a run is measured at its own: around its own drift,
    which another task has elsewhere, or the same task with another seed. Steps that not every
    run of a group has are NaN; a diverged run has the worst score where it has none. Where all
    diverged and none was ever measured, each has the worst score at every step.
    """
    filled = np.array(values, dtype=np.float64)
    for places in groups.groupby(list(groups.columns), sort=False).indices.values():
        own, ended = filled[places], diverged[places]
        there = np.isfinite(own)
        whole = there[~ended & there.any(axis=1)]
        if not there.any():  # what ran diverged before the first step that was measured
            own[ended], there[ended] = worst, True
        shared = whole.all(axis=0) if len(whole) else there.any(axis=0)
        own[ended] = np.where(there[ended], own[ended], worst)
        own[:, ~shared] = np.nan
        filled[places] = own
    return filled


def bands(
    values: NDArray[np.floating[Any]],
    steps: NDArray[np.int64],
    groups: pd.DataFrame,
    factor: float = 1.0,
) -> pd.DataFrame:
    """Mean over runs with its 95 % t band: the columns of `groups`, step, n, mean, low, high.

    `values` (runs, steps) belongs to the rows of `groups`; absent values are left out.
    """
    parts = []
    for key, places in groups.groupby(list(groups.columns), sort=False).indices.items():
        own = values[places].astype(float) * factor
        kept = np.isfinite(own).any(axis=0)
        if not kept.any():
            continue
        band = column_intervals(own[:, kept])
        names = key if isinstance(key, tuple) else (key,)
        parts.append(
            pd.DataFrame(
                dict(zip(groups.columns, names, strict=True))
                | {"step": steps[kept], **band._asdict()}
            )
        )
    columns = [*groups.columns, "step", "n", "mean", "low", "high"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
