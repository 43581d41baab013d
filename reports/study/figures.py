"""Figures of a study: what tuning bought, and the response to each setting."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from reports.figures.benchmark import broken, plain
from reports.figures.style import INK, canvas, clipped_limit, panels, styled, zero_line
from reports.stats.crossed import Crossed
from reports.stats.types import Vector

BLUE = "#2171b5"


@styled
def bought(
    found: Sequence[tuple[str, Vector, Crossed]], rope: float, factor: float, label: str
) -> Figure:
    """Per task the difference of every run and the mean with its interval."""
    figure, grid = canvas(1, 1, 1.0 + 0.5 * len(found))
    panel = grid[0][0]
    zero_line(panel, rope)
    ends = [0.0]
    for place, (_, runs, both) in enumerate(found):
        spread = np.linspace(-0.22, 0.22, len(runs)) if len(runs) > 1 else np.zeros(1)
        panel.plot(np.sort(runs) * factor, place + spread, "o", ms=4, color=BLUE, alpha=0.6, mew=0)
        if np.isfinite(both.low):
            panel.plot([both.low * factor, both.high * factor], [place, place], color=INK, lw=2)
            ends += [both.low * factor, both.high * factor]
        panel.plot([both.estimate * factor], [place], "o", ms=7, color=INK)
        ends += [*(runs * factor)]
    limit = clipped_limit(ends, 1.5 * rope)
    panel.set_xlim(-1.08 * limit, 1.08 * limit)
    panel.set_yticks(range(len(found)), [broken(task) for task, _, _ in found])
    panel.set_ylim(len(found) - 0.5, -0.5)
    panel.grid(visible=False, axis="y")
    panel.set_xlabel(label)
    return figure


@styled
def response(trials: pd.DataFrame, names: Sequence[str], factor: float) -> Figure:
    """Value by each setting, one panel each."""
    figure, axes = panels(len(names), 3, 2.7)
    values = trials["value"].astype(float) * factor
    best = int(np.argmax(values.to_numpy()))
    for panel, name in zip(axes, names, strict=False):
        own = trials[name]
        numeric = pd.to_numeric(own, errors="coerce")
        used = own.notna()
        if numeric[used].notna().all():
            x = numeric
            positive = x[used].min() > 0 and x[used].max() / x[used].min() > 20
            panel.set_xscale("log" if positive else "linear")
        else:
            levels = sorted({str(level) for level in own[used]})
            x = own.map(lambda level, known=levels: known.index(str(level)), na_action="ignore")
            panel.set_xticks(range(len(levels)), [plain(level) for level in levels])
        x = x.astype(float)
        panel.plot(x, values, "o", ms=5, color=BLUE, alpha=0.7, mew=0)
        panel.plot(x.iloc[[best]], values.iloc[[best]], "o", ms=8, mfc="none", mec="#D55E00", mew=2)
        panel.set_xlabel(plain(name.removeprefix("evolution.settings.")))
        panel.set_ylabel("gain over CE (points)")
    return figure
