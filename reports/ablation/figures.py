"""Figures of an ablation: effects, interactions, effects by family."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from reports import stats
from reports.ablation.analysis import Effect
from reports.ablation.gaps import effect_name, short
from reports.figures.benchmark import plain
from reports.figures.palette import INK, PAPER, SEQUENTIAL, category_colors
from reports.figures.style import NARROW, canvas, clipped_limit, panels, styled, zero_line
from reports.verdicts.kinds import is_decided

MAX_PANELS = 15
"""Effects whose differences are drawn by family; all of them stand in report.json."""


@styled
def effects(shown: Sequence[Effect], rope: float, factor: float, label: str) -> Figure:
    """Forest of all effects, grouped by setting."""
    figure, grid = canvas(1, 1, 0.7 + 0.26 * len(shown), NARROW)
    panel = grid[0][0]
    zero_line(panel, rope)
    ends = [0.0]
    colors = dict(
        zip(
            dict.fromkeys(effect.factor for effect in shown),
            category_colors(len(shown)),
            strict=False,
        )
    )
    for place, effect in enumerate(shown):
        numbers = effect.decision.numbers
        if numbers is None:
            continue
        color = colors[effect.factor]
        low, high = numbers.ci_low * factor, numbers.ci_high * factor
        panel.plot([low, high], [place, place], color=color, lw=2)
        face = color if is_decided(effect.decision.verdict) else PAPER
        mean = numbers.mean_difference * factor
        panel.plot([mean], [place], "o", ms=7, mec=color, mfc=face, mew=1.5)
        ends += [low, high]
    limit = clipped_limit(ends, 1.5 * rope)
    panel.set_xlim(-1.08 * limit, 1.08 * limit)
    names = [effect_name(e.factor, e.level, e.reference) for e in shown]
    panel.set_yticks(range(len(shown)), [plain(name) for name in names])
    panel.set_ylim(len(shown) - 0.5, -0.5)
    panel.grid(visible=False, axis="y")
    panel.set_xlabel(label)
    return figure


@styled
def interactions(
    runs: pd.DataFrame,
    pairs: Sequence[tuple[str, str]],
    levels: Mapping[str, Sequence[str]],
    factor: float,
    label: str,
) -> Figure:
    """One panel per pair of settings: a line per level of the second along those of the first."""
    figure, axes = panels(len(pairs), 2, 2.5, NARROW)
    for panel, (first, second) in zip(axes, pairs, strict=False):
        colors = category_colors(len(levels[second]))
        means = runs.groupby([first, second, "seed"])["gain"].mean() * factor
        count = len(levels[second])
        for place, (level, color) in enumerate(zip(levels[second], colors, strict=True)):
            shift = (place - (count - 1) / 2) * 0.06
            intervals = [
                stats.mean_interval(means.loc[(own, level)].to_numpy()) for own in levels[first]
            ]
            x = np.arange(len(intervals)) + shift
            y = [interval.estimate for interval in intervals]
            panel.plot(x, y, color=color, marker="os^Dv"[place % 5], ms=5, label=plain(level))
            for at, interval in zip(x, intervals, strict=True):
                panel.plot([at, at], [interval.low, interval.high], color=color, lw=1)
        panel.set_xticks(range(len(levels[first])), [plain(own) for own in levels[first]])
        panel.set_xlabel(short(first))
        panel.set_ylabel(label)
        panel.legend(title=short(second), fontsize=8, title_fontsize=8, loc="best")
        panel.grid(visible=False, axis="x")
    return figure


@styled
def by_family(effects_by_family: pd.DataFrame, rope: float, factor: float, label: str) -> Figure:
    """Effects on each family; one panel per effect."""
    groups = list(effects_by_family.groupby(["factor", "level", "reference"], sort=False))[
        :MAX_PANELS
    ]
    families = list(dict.fromkeys(effects_by_family["family"]))
    figure, axes = panels(len(groups), 3, 0.9 + 0.28 * len(families))
    limit = clipped_limit(
        [*(effects_by_family["low"] * factor), *(effects_by_family["high"] * factor)], 1.5 * rope
    )
    for panel, (effect, part) in zip(axes, groups, strict=False):
        zero_line(panel, rope)
        for row in part.to_dict("records"):
            place = families.index(row["family"])
            ends = np.clip([row["low"] * factor, row["high"] * factor], -limit, limit)
            panel.plot(ends, [place, place], color=INK, lw=1.4)
            panel.plot([np.clip(row["difference"] * factor, -limit, limit)], [place], "o",
                       color=INK, ms=5)  # fmt: skip
        panel.set_xlim(-1.05 * limit, 1.05 * limit)
        panel.set_ylim(len(families) - 0.5, -0.5)
        first = panel in axes[::3]
        panel.set_yticks(range(len(families)), [plain(f) for f in families] if first else [])
        panel.set_title(plain(effect_name(*map(str, effect))), fontsize=9)
        panel.grid(visible=False, axis="y")
        panel.set_xlabel(label, fontsize=8)
    return figure


@styled
def by_budget(
    means: pd.DataFrame,
    panels_of: Sequence[tuple[str, Sequence[str]]],
    reference: str,
    factor: float,
    label: str,
) -> Figure:
    """Mean gain against the budget, a line per level with its interval, a panel per group.

    `means`: level, budget, mean, low, high, budgets in their order. `panels_of`: of each panel its
    title and levels; the reference is drawn in all of them.
    """
    budgets = list(dict.fromkeys(means["budget"]))
    figure, grid = canvas(len(panels_of), 1, 2.9 * len(panels_of), NARROW, sharex=True)
    for [panel], (title, levels) in zip(grid, panels_of, strict=True):
        shown = [reference, *(level for level in levels if level != reference)]
        colors = [INK, *category_colors(len(shown) - 1)]
        for place, (level, color) in enumerate(zip(shown, colors, strict=True)):
            part = means[means["level"] == level].set_index("budget").reindex(budgets)
            x = np.arange(len(budgets)) + (place - (len(shown) - 1) / 2) * 0.07
            panel.vlines(x, part["low"] * factor, part["high"] * factor, color=color, lw=1.2)
            marker = "os^DvP*X<>"[place % 10]
            panel.plot(
                x, part["mean"] * factor, color=color, marker=marker, ms=5, lw=1.3,
                ls="--" if level == reference else "-", label=plain(level),
            )  # fmt: skip
        panel.axhline(0, color=INK, lw=0.8, zorder=0)
        panel.set_title(title, fontsize=9)
        panel.set_xticks(range(len(budgets)), budgets)
        panel.set_ylabel(label)
        # Beside the lines: among them some level always lies below it.
        panel.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
        panel.grid(visible=False, axis="x")
    grid[-1][0].set_xlabel("member-steps of each evolution")
    return figure


@styled
def heat_map(
    runs: pd.DataFrame,
    pair: tuple[str, str],
    levels: Mapping[str, Sequence[str]],
    factor: float,
    label: str,
) -> Figure:
    """Mean gain by two settings, in colour and in numbers with half of its 95 % t interval."""
    down, across = pair
    means = runs.groupby([down, across, "seed"])["gain"].mean() * factor
    intervals = [
        [stats.mean_interval(means.loc[(a, b)].to_numpy()) for b in levels[across]]
        for a in levels[down]
    ]
    table = np.array([[interval.estimate for interval in line] for line in intervals])
    figure, grid = canvas(1, 1, 1.2 + 0.55 * len(table))
    panel = grid[0][0]
    image = panel.imshow(table, cmap=SEQUENTIAL, aspect="auto", origin="lower")
    middle = (table.min() + table.max()) / 2
    for row, line in enumerate(intervals):
        for column, interval in enumerate(line):
            half = (interval.high - interval.low) / 2
            text = f"{interval.estimate:+.2f}" + (f"\n±{half:.2f}" if np.isfinite(half) else "")
            ink = INK if interval.estimate > middle else PAPER
            panel.text(column, row, text, ha="center", va="center", fontsize=8, color=ink)
    panel.set_xticks(range(len(levels[across])), [plain(level) for level in levels[across]])
    panel.set_yticks(range(len(levels[down])), [plain(level) for level in levels[down]])
    panel.set_xlabel(plain(short(across)))
    panel.set_ylabel(plain(short(down)))
    panel.grid(visible=False)
    figure.colorbar(image, ax=panel, label=label)
    return figure
