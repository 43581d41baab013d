"""Figures of a study: what tuning gained, and the response to each setting."""

import itertools
from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from reports.figures.benchmark import broken, plain
from reports.figures.palette import BLUE, INK, PAPER, SEQUENTIAL, VERMILION
from reports.figures.style import (
    NARROW,
    canvas,
    clipped_limit,
    panels,
    spread_limits,
    styled,
    zero_line,
)
from reports.stats.crossed import Crossed
from reports.stats.types import Vector


@styled
def gains(
    tasks: Sequence[tuple[str, Vector, Crossed]], rope: float, factor: float, label: str
) -> Figure:
    """Per task the difference of every run (runs,) and the mean with its interval."""
    figure, grid = canvas(1, 1, 0.8 + 0.42 * len(tasks), NARROW)
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


MAX_CLASSES = 4
"""Classes that a setting of a map is divided into."""


def is_swept(values: "pd.Series") -> bool:
    """Whether a setting is a number with more than one value."""
    numbers = pd.to_numeric(values, errors="coerce")
    return bool(numbers.notna().sum() == values.notna().sum() and len(set(numbers.dropna())) > 1)


def classes_of(values: "pd.Series") -> tuple["pd.Series", list[str]]:
    """The class of each value, NaN without one, and what the classes are called.

    Values of at most `MAX_CLASSES` kinds are classes of their own; others are divided into classes
    of equal width, on a scale of logarithms where they span a factor of ten.
    """
    numbers = pd.to_numeric(values, errors="coerce")
    kinds = sorted(set(numbers.dropna()))
    if len(kinds) <= MAX_CLASSES:
        return numbers.map({kind: at for at, kind in enumerate(kinds)}), [f"{k:g}" for k in kinds]
    low, high = kinds[0], kinds[-1]
    is_log = low > 0 and high / low >= 10
    edges = (np.geomspace if is_log else np.linspace)(low, high, MAX_CLASSES + 1)
    place = np.searchsorted(edges[1:-1], numbers, side="right").astype(float)
    names = [f"{a:.3g} to\n{b:.3g}" for a, b in itertools.pairwise(edges)]
    return pd.Series(np.where(numbers.notna(), place, np.nan), index=values.index), names


@styled
def response_maps(trials: pd.DataFrame, pairs: Sequence[tuple[str, str]], factor: float) -> Figure:
    """Mean value by two settings, a panel for each pair: colour, number, and count of trials.

    All panels have one scale of colours.
    """
    figure, axes = panels(len(pairs), 1, 2.0, NARROW)
    tables = []
    for down, across in pairs:
        (rows, row_names), (columns, column_names) = (classes_of(trials[x]) for x in (down, across))
        frame = pd.DataFrame({"down": rows, "across": columns, "value": trials["value"] * factor})
        means, counts = (
            frame.astype(float)
            .pivot_table(index="down", columns="across", values="value", aggfunc=kind)
            .reindex(index=range(len(row_names)), columns=range(len(column_names)))
            .to_numpy()
            for kind in ("mean", "count")
        )
        tables.append((means, counts, row_names, column_names))
    known = np.concatenate([means.ravel() for means, *_ in tables])
    low, high = spread_limits(float(np.nanmin(known)), float(np.nanmax(known)))
    for panel, pair, (means, counts, *names) in zip(axes, pairs, tables, strict=False):
        image = panel.imshow(
            means, cmap=SEQUENTIAL, vmin=low, vmax=high, aspect="auto", origin="lower"
        )
        for row, column in zip(*np.nonzero(np.isfinite(means)), strict=True):
            value = float(means[row, column])
            ink = INK if value > (low + high) / 2 else PAPER
            text = f"{value:+.2f} ({int(counts[row, column])})"
            panel.text(column, row, text, ha="center", va="center", fontsize=8, color=ink)
        panel.set_yticks(range(len(names[0])), [plain(name) for name in names[0]], fontsize=8)
        panel.set_xticks(range(len(names[1])), [plain(name) for name in names[1]], fontsize=8)
        panel.set_ylabel(plain(pair[0].rpartition(".")[2]))
        panel.set_xlabel(plain(pair[1].rpartition(".")[2]))
        panel.grid(visible=False)
    figure.colorbar(image, ax=axes[: len(pairs)], label="gain over CE (points)", shrink=0.6)
    return figure


@styled
def response(trials: pd.DataFrame, names: Sequence[str], best: int | None, factor: float) -> Figure:
    """Value by each setting, one panel each; a ring around the trial in the slot `best`."""
    figure, axes = panels(len(names), 2, 2.2, NARROW)
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
    figure, grid = canvas(1, 1, 3.4, NARROW)
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
    figure, grid = canvas(1, 1, 3.4, NARROW)
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
    figure, grid = canvas(1, 1, 0.8 + 0.36 * len(ordered), NARROW)
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
