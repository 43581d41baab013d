"""Figures over all tasks: interquartile means, profiles, critical differences, posteriors."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reports.figures.benchmark import plain
from reports.figures.palette import DENSITY, FAINT, INK
from reports.figures.style import Look, canvas, panels, spread_limits, styled
from reports.stats.bayes import Posterior
from reports.stats.types import Vector


@styled
def aggregates(
    table: pd.DataFrame, baselines: Sequence[str], style: Mapping[str, Look], factor: float,
    label: str,
) -> Figure:  # fmt: skip
    """IQM of every loss, and its probability of improvement over each baseline, with intervals.

    `table`: as in reports.benchmark.across.Across, best first.
    """
    losses = [str(loss) for loss in table["loss"]]
    figure, grid = canvas(1, 1 + len(baselines), 1.2 + 0.3 * len(losses), sharey=True)
    first = grid[0][0]
    for place, row in enumerate(table.to_dict("records")):
        look = style[row["loss"]]
        limits = [row["iqm_low"] * factor, row["iqm_high"] * factor]
        first.plot(limits, [place, place], color=look.color, lw=2)
        first.plot([row["iqm"] * factor], [place], "o", ms=6, color=look.color)
        for panel, baseline in zip(grid[0][1:], baselines, strict=True):
            chance = row[f"improvement_{baseline}"]
            if np.isfinite(chance):
                ends = [row[f"improvement_{baseline}{end}"] for end in ("_low", "_high")]
                panel.plot(ends, [place, place], color=look.color, lw=2)
                panel.plot([chance], [place], "o", ms=6, color=look.color)
    first.set_yticks(range(len(losses)), [plain(loss) for loss in losses])
    first.set_ylim(len(losses) - 0.5, -0.5)
    first.set_xlabel(plain(f"IQM of {label}".replace("_", " ")))
    for panel, baseline in zip(grid[0][1:], baselines, strict=True):
        panel.axvline(0.5, color=INK, lw=0.9)
        panel.set_xlim(-0.02, 1.02)
        panel.set_xlabel(f"P(beats {plain(baseline)})")
    for panel in grid[0]:
        panel.grid(visible=False, axis="y")
    return figure


@styled
def profiles(
    thresholds: Vector,
    lines: Mapping[str, tuple[Vector, Vector, Vector]],
    style: Mapping[str, Look],
    label: str,
) -> Figure:
    """Share of runs above each threshold with its band; `lines`: loss -> share, low, high."""
    figure, grid = canvas(1, 1, 3.8)
    panel = grid[0][0]
    for loss, (share, low, high) in lines.items():
        look = style[loss]
        panel.plot(thresholds, share, color=look.color, ls=look.dash, lw=look.width)
        panel.fill_between(thresholds, low, high, color=look.color, alpha=0.12, lw=0)
    panel.set_ylim(-0.02, 1.04)
    panel.set_xlim(*spread_limits(float(thresholds[0]), float(thresholds[-1])))
    panel.set_xlabel(label)
    panel.set_ylabel("share of runs above")
    handles = [
        Line2D([], [], color=style[x].color, ls=style[x].dash, lw=style[x].width + 0.4)
        for x in lines
    ]
    figure.legend(handles, [plain(x) for x in lines], loc="outside right center", handlelength=3)
    return figure


@styled
def critical_difference(
    mean_ranks: Mapping[str, float], p: pd.DataFrame, cd: float, style: Mapping[str, Look]
) -> Figure:
    """Demsar's diagram: losses on the axis of mean ranks, bars over those not separated."""
    import scikit_posthocs

    figure, grid = canvas(1, 1, 1.3 + 0.22 * len(mean_ranks))
    panel = grid[0][0]
    names = {name: plain(name) for name in mean_ranks}
    drawn = scikit_posthocs.critical_difference_diagram(
        {names[name]: rank for name, rank in mean_ranks.items()},
        p.rename(index=names, columns=names),
        ax=panel,
        color_palette={names[name]: style[name].color for name in mean_ranks},
        label_fmt_left="{label} ({rank:.2f})",
        label_fmt_right="({rank:.2f}) {label}",
        crossbar_props={"color": INK, "linewidth": 3},
        text_h_margin=0.02,
    )
    # The library draws a bar through its losses in the order of a set of names, which is another
    # in every process.
    for (bar,) in drawn["crossbars"]:
        bar.set_xdata(sorted(bar.get_xdata()))
    panel.set_title(f"Nemenyi critical difference {cd:.2f}", fontsize=9)
    return figure


@styled
def simplex(posteriors: Mapping[str, Posterior]) -> Figure:
    """Posterior draws of (candidate better, equivalent, baseline better) in a triangle each."""
    figure, axes = panels(len(posteriors), 4, 2.6)
    corners = np.array([[1.0, 0.0], [0.5, np.sqrt(3) / 2], [0.0, 0.0]])
    for panel, (name, posterior) in zip(axes, posteriors.items(), strict=False):
        points = posterior.sample @ corners
        panel.hexbin(points[:, 0], points[:, 1], gridsize=24, mincnt=1, cmap=DENSITY, lw=0.1,
                     extent=(0, 1, 0, np.sqrt(3) / 2))  # fmt: skip
        panel.plot(*np.vstack([corners, corners[:1]]).T, color=INK, lw=1)
        middle = corners.mean(axis=0)
        for a, b in ((0, 1), (1, 2), (2, 0)):
            edge = (corners[a] + corners[b]) / 2
            panel.plot([middle[0], edge[0]], [middle[1], edge[1]], color=FAINT, lw=0.8, ls=":")
        better, worse = f"better\n{posterior.better:.2f}", f"worse\n{posterior.worse:.2f}"
        panel.text(1.0, -0.04, better, ha="center", va="top", fontsize=8)
        panel.text(0.0, -0.04, worse, ha="center", va="top", fontsize=8)
        panel.text(0.5, 0.9, f"equivalent {posterior.equivalent:.2f}", ha="center", fontsize=8)
        panel.set_aspect("equal")
        panel.set_xlim(-0.2, 1.2)
        panel.set_ylim(-0.25, 1.02)
        panel.set_axis_off()
        panel.set_title(plain(name), fontsize=9)
    return figure
