"""Figures of a study: what tuning gained, and the response to each setting."""

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from reports.figures.benchmark import broken, plain
from reports.figures.palette import BLUE, INK, VERMILION
from reports.figures.style import canvas, clipped_limit, panels, styled, zero_line
from reports.stats.crossed import Crossed
from reports.stats.types import Vector


@styled
def gains(
    tasks: Sequence[tuple[str, Vector, Crossed]], rope: float, factor: float, label: str
) -> Figure:
    """Per task the difference of every run (runs,) and the mean with its interval."""
    figure, grid = canvas(1, 1, 1.0 + 0.5 * len(tasks))
    panel = grid[0][0]
    zero_line(panel, rope)
    ends = [0.0]
    for place, (_, runs, mean) in enumerate(tasks):
        spread = np.linspace(-0.22, 0.22, len(runs)) if len(runs) > 1 else np.zeros(1)
        panel.plot(np.sort(runs) * factor, place + spread, "o", ms=4, color=BLUE, alpha=0.6, mew=0)
        if np.isfinite(mean.low):
            panel.plot([mean.low * factor, mean.high * factor], [place, place], color=INK, lw=2)
            ends += [mean.low * factor, mean.high * factor]
        panel.plot([mean.estimate * factor], [place], "o", ms=7, color=INK)
        ends += [*(runs * factor)]
    limit = clipped_limit(ends, 1.5 * rope)
    panel.set_xlim(-1.08 * limit, 1.08 * limit)
    panel.set_yticks(range(len(tasks)), [broken(task) for task, _, _ in tasks])
    panel.set_ylim(len(tasks) - 0.5, -0.5)
    panel.grid(visible=False, axis="y")
    panel.set_xlabel(label)
    return figure


@styled
def response(trials: pd.DataFrame, names: Sequence[str], best: int | None, factor: float) -> Figure:
    """Value by each setting, one panel each; a ring around the trial in the slot `best`."""
    figure, axes = panels(len(names), 3, 2.7)
    values = trials["value"].astype(float) * factor
    is_best = trials["slot"] == best
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
        panel.plot(x[is_best], values[is_best], "o", ms=8, mfc="none", mec=VERMILION, mew=2)
        panel.set_xlabel(plain(name.removeprefix("evolution.settings.")))
        panel.set_ylabel("gain over CE (points)")
    return figure


@styled
def front(
    trials: pd.DataFrame,
    column: str,
    on_front: Collection[int],
    best: int | None,
    second: tuple[float, str],
    least: float | None,
) -> Figure:
    """Gain against the second objective, `column`, which is shown times a factor with a label.

    on_front, best: slots. least: the value of the second objective from which a trial is chosen.
    """
    factor, label = second
    figure, grid = canvas(1, 1, 3.8)
    panel = grid[0][0]
    x = trials[column].astype(float) * factor
    y = trials["value"].astype(float) * 100.0
    is_front = trials["slot"].isin(list(on_front))
    panel.plot(x[~is_front], y[~is_front], "o", ms=5, color=BLUE, alpha=0.7, mew=0, label="trial")
    ordered = trials[is_front].assign(x=x, y=y).sort_values("x", kind="stable")
    panel.plot(ordered["x"], ordered["y"], "o-", ms=6, lw=1, color=VERMILION, label="Pareto front")
    chosen = trials["slot"] == best
    panel.plot(x[chosen], y[chosen], "o", ms=12, mfc="none", mec=INK, mew=1.8, label="chosen")
    if least is not None:
        panel.axvline(least, color=INK, lw=0.9, ls="--")
    panel.set_xlabel(label)
    panel.set_ylabel("gain over CE (points)")
    panel.legend(loc="best")
    return figure


@styled
def progress(studies: Sequence[tuple[str, pd.DataFrame]]) -> Figure:
    """Best gain so far by what was spent; of each study its name and `spent`, `best`."""
    figure, grid = canvas(1, 1, 3.6)
    panel = grid[0][0]
    for (name, frame), color, dash in zip(studies, (BLUE, VERMILION), ("-", "--"), strict=False):
        known = frame[frame["best"].notna()]
        panel.step(
            known["spent"] / 1e6, known["best"] * 100, where="post", color=color, ls=dash, lw=2,
            label=broken(name),
        )  # fmt: skip
    panel.set_xlabel("million member-steps of all trials so far")
    panel.set_ylabel("largest gain over CE so far (points)")
    panel.legend(loc="lower right")
    return figure


@styled
def importance_pair(shares: pd.DataFrame) -> Figure:
    """Bars of two studies' importances; `shares`: setting, A, B."""
    ordered = shares.iloc[::-1]
    figure, grid = canvas(1, 1, 1.0 + 0.42 * len(ordered))
    panel = grid[0][0]
    places = np.arange(len(ordered))
    for shift, name, color in ((0.19, "A", BLUE), (-0.19, "B", VERMILION)):
        panel.barh(places + shift, ordered[name].fillna(0), height=0.36, color=color, label=name)
    panel.set_yticks(
        places, [plain(str(s).removeprefix("evolution.settings.")) for s in ordered["setting"]]
    )
    panel.set_xlabel("share (PED-ANOVA)")
    panel.legend(loc="lower right")
    panel.grid(visible=False, axis="y")
    return figure
