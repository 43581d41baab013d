"""Figures of paired comparisons beyond the forest: slopes, matrices, power and shape.

Numbers arrive in the unit in which they are shown.
"""

import warnings
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from scipy import stats as scipy_stats

from reports import stats
from reports.figures.benchmark import broken, legend_panel, plain
from reports.figures.palette import CATEGORIES, DIVERGING, FAINT, INK, VERMILION
from reports.figures.style import Look, canvas, panels, styled
from reports.stats import survival
from reports.stats.rounding import rounded
from reports.stats.types import Vector

MAX_NUMBERED = 8
"""Losses up to which a matrix of pairs has its numbers written into it."""

MAX_NAMED = 30
"""Comparisons that the figure of power names: more have no lines of their own look."""


@styled
def slopes(pairs: pd.DataFrame, style: Mapping[str, Look], label: str) -> Figure:
    """One line per seed from the baseline's score to the candidate's; one panel per comparison.

    `pairs`: task, candidate, baseline, seed, candidate_score, baseline_score.
    """
    groups = list(pairs.groupby(["task", "candidate", "baseline"], sort=False))
    figure, axes = panels(len(groups), 4, 2.7)
    for panel, (key, part) in zip(axes, groups, strict=False):
        task, candidate, baseline = map(str, key)
        won = part["candidate_score"] >= part["baseline_score"]
        for up, color in ((True, style[candidate].color), (False, VERMILION)):
            chosen = part[won == up]
            panel.plot(
                [0, 1],
                chosen[["baseline_score", "candidate_score"]].to_numpy().T,
                color=color, alpha=0.6, lw=1.1, marker="o", ms=2.5, ls="-" if up else "--",
            )  # fmt: skip
        panel.plot(
            [0, 1], part[["baseline_score", "candidate_score"]].mean(), color=INK, lw=2.4, zorder=5
        )
        panel.set_xlim(-0.25, 1.25)
        panel.set_xticks([0, 1], [plain(baseline), plain(candidate)])
        panel.grid(visible=False, axis="x")
        panel.set_title(broken(str(task)), fontsize=9)
    for place in range(0, len(groups), 4):
        axes[place].set_ylabel(label)
    return figure


@styled
def pair_matrices(
    matrices: Sequence[tuple[str, pd.DataFrame, pd.DataFrame]], label: str, alpha: float = 0.05
) -> Figure:
    """Mean differences of all pairs (row minus column) per task as heat maps.

    Each entry: task, differences, Holm p-values. A dot marks p >= alpha; with many losses the dots
    stand alone, beside a scale of colours.
    """
    # Six numbers with signs fill a row of a third of the page.
    wide = max((len(differences) for _, differences, _ in matrices), default=0) > 6
    figure, axes = panels(len(matrices), 2 if wide else 3, 4.2 if wide else 3.1)
    # seaborn asks for the size of each label; without a canvas of pixels, each answer makes one.
    FigureCanvasAgg(figure)
    for panel, (task, differences, p) in zip(axes, matrices, strict=False):
        limit = max(float(np.nanquantile(np.abs(differences.to_numpy()), 0.95)), 1e-9)
        many = len(differences) > MAX_NUMBERED
        text = _marks(differences.to_numpy(), p.to_numpy(), alpha, numbered=not many)
        with warnings.catch_warnings():
            # seaborn 0.13 sets a colour map's extremes as matplotlib 3.11 no longer likes.
            warnings.simplefilter("ignore", PendingDeprecationWarning)
            sns.heatmap(
                differences, ax=panel, cmap=DIVERGING, center=0, vmin=-limit, vmax=limit,
                annot=text, fmt="", square=True, linewidths=0.5,
                annot_kws={"fontsize": 12 if many else 7}, cbar=many and panel is axes[0],
                cbar_kws={"shrink": 0.7, "label": label},
            )  # fmt: skip
        panel.set_title(broken(task), fontsize=9)
        panel.tick_params(labelsize=8, length=0)
        panel.set_xticklabels(panel.get_xticklabels(), rotation=45, ha="right")
        panel.set_yticklabels(panel.get_yticklabels(), rotation=0)
        panel.grid(visible=False)
    return figure


def _marks(
    differences: Vector, p: Vector, alpha: float, *, numbered: bool
) -> "np.ndarray[Any, Any]":
    """What is written into a matrix of pairs: numbers, and a dot where p >= alpha."""
    text = [
        [(_signed(value) if numbered else "") + ("" if q < alpha else "·") for value, q in line]
        for line in (zip(*both, strict=True) for both in zip(differences, p, strict=True))
    ]
    return np.where(np.eye(len(differences), dtype=bool), "", np.array(text))


def _signed(value: float) -> str:
    text = rounded(value, 1)
    return text if text.startswith("-") else f"+{text}"


@styled
def power_and_shape(
    d: Mapping[str, Vector], n: int, rope: float, alpha: float, label: str
) -> Figure:
    """Left: power by the true difference, one line per comparison; right: Q-Q of the differences.

    `d`: differences per comparison. `alpha` is the strictest level of Holm's procedure.
    """
    drawn = min(len(d), MAX_NAMED)
    figure, grid = canvas(1, 2, 3.6 + 0.16 * -(-drawn // 2))
    left, right = grid[0]
    lines = [(color, dash) for dash in ("-", "--", ":") for color in CATEGORIES]
    spreads = [stats.sd(values) for values in d.values()]
    largest = max([*spreads, rope, 1e-9])
    reach = stats.detectable(max(n, 3), alpha=alpha) * float(np.median(spreads or [largest])) * 1.6
    effects = np.linspace(0, max(reach, 1.5 * rope, 1e-9), 60)
    for (color, dash), (name, values), spread in zip(
        cycle(lines), d.items(), spreads, strict=False
    ):
        if spread > 0:
            curve = [stats.power(effect / spread, values.size, alpha=alpha) for effect in effects]
            left.plot(effects, curve, color=color, ls=dash, lw=1.3, label=plain(name))
            z = np.sort((values - values.mean()) / spread)
            normal = scipy_stats.norm.ppf((np.arange(1, z.size + 1) - 0.5) / z.size)
            right.plot(normal, z, "o", ms=3, color=color, alpha=0.7, mew=0)
    left.axhline(0.8, color=FAINT, ls=":", lw=1.2)
    if rope > 0:
        left.axvline(rope, color=INK, ls="--", lw=1)
    left.set_ylim(0, 1.02)
    left.set_xlabel(f"true {label}")
    left.set_ylabel("power")
    left.set_title("power")
    # Constant differences have neither a power curve nor a shape.
    if len(d) <= MAX_NAMED and any(spread > 0 for spread in spreads):
        # Below the panels: within one, it would lie on the curves.
        figure.legend(loc="outside lower center", ncols=2, fontsize=8, handlelength=3)
    limits = [-3.2, 3.2]
    right.plot(limits, limits, color=FAINT, lw=1)
    right.set_xlim(*limits)
    right.set_ylim(*limits)
    right.set_xlabel("normal quantile")
    right.set_ylabel("standardised difference")
    right.set_title("Q-Q of the differences")
    return figure


@styled
def time_to_threshold(
    curves: Mapping[str, Mapping[str, survival.SurvivalCurve]],
    style: Mapping[str, Look],
    budget: float,
) -> Figure:
    """Share of runs that have reached the threshold by each step; one panel per task.

    `curves`: task -> loss -> Kaplan-Meier curve; a loss none of whose runs gets there stays at 0.
    """
    figure, axes = panels(len(curves) + 1, 3, 2.8)
    shown: dict[str, None] = {}
    for panel, (task, lines) in zip(axes, curves.items(), strict=False):
        for loss, curve in lines.items():
            look = style[loss]
            shown[loss] = None
            panel.step(
                [0.0, *curve.times, budget],
                [0.0, *(1 - curve.survival), 1 - (curve.survival[-1] if curve.times.size else 1)],
                where="post", color=look.color, ls=look.dash, lw=look.width,
            )  # fmt: skip
        panel.set_ylim(-0.02, 1.04)
        panel.set_xlim(0, budget)
        panel.set_title(broken(task), fontsize=9)
        panel.set_xlabel("training step")
        panel.set_ylabel("share of runs there")
    legend_panel(axes[len(curves) :], style, list(shown))
    return figure
