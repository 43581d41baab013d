"""Figures of a benchmark: learning curves, paired differences, forest of mean differences.

Numbers are prepared by functions that return frames, and drawn by functions that take frames and
return a matplotlib Figure. Differences and scores arrive in the unit in which they are shown.
"""

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reports.figures.palette import GRID, INK, PAPER
from reports.figures.style import NARROW, Look, canvas, clipped_limit, panels, styled, zero_line
from reports.verdicts.kinds import is_decided


@styled
def learning_curves(bands: pd.DataFrame, style: Mapping[str, Look], label: str) -> Figure:
    """One panel per task; `bands` as from reports.data.curves, in the order of tasks to draw."""
    tasks = list(dict.fromkeys(bands["task"]))
    figure, axes = panels(len(tasks) + 1, 2, 2.0, NARROW)
    for panel, task in zip(axes, tasks, strict=False):
        part = bands[bands["task"] == task]
        if part["mean"].min() < 0 < part["mean"].max():
            panel.axhline(0, color=INK, linewidth=0.9)
        for loss, look in style.items():
            line = part[part["loss"] == loss].sort_values("step")
            if line.empty:
                continue
            panel.plot(
                line["step"], line["mean"], color=look.color, linestyle=look.dash, lw=look.width
            )
            panel.fill_between(
                line["step"], line["low"], line["high"], color=look.color, alpha=0.13, lw=0
            )
        panel.set_title(broken(task, 26), fontsize=10)
        panel.set_xlabel("training step")
        panel.set_ylabel(label)
    legend_panel(axes[len(tasks) :], style, [x for x in style if x in set(bands["loss"])])
    return figure


def legend_panel(free: Sequence[Axes], style: Mapping[str, Look], losses: Sequence[str]) -> None:
    """The legend of lines in the first free panel."""
    handles = [
        Line2D([], [], color=style[x].color, ls=style[x].dash, lw=style[x].width + 0.6)
        for x in losses
    ]
    free[0].legend(
        handles, [plain(x) for x in losses], loc="center left", fontsize=10, handlelength=3.2
    )
    for panel in free:
        panel.set_axis_off()


@styled
def paired_differences(
    points: pd.DataFrame,
    intervals: pd.DataFrame,
    style: Mapping[str, Look],
    rope: float,
    label: str,
) -> Figure:
    """Differences per seed with mean, interval and ROPE: rows are tasks, columns baselines.

    `points`: task, candidate, baseline, seed, difference. `intervals`: task, candidate, baseline,
    mean, low, high. Values beyond the axis are drawn as arrows at its edge.
    """
    tasks = list(dict.fromkeys(intervals["task"]))
    baselines = list(dict.fromkeys(intervals["baseline"]))
    candidates = list(dict.fromkeys(intervals["candidate"]))
    width = 88 // len(baselines)
    titles = {
        (row, column): f"{task} – against {baseline}"
        for row, task in enumerate(tasks)
        for column, baseline in enumerate(baselines)
    }
    lines = sum(
        max(broken(titles[row, column], width).count("\n") for column in range(len(baselines)))
        for row in range(len(tasks))
    )
    height = 0.6 + len(tasks) * (0.42 + 0.32 * len(candidates)) + 0.17 * lines
    figure, grid = canvas(len(tasks), len(baselines), height, sharex="col", sharey=True)
    for column, baseline in enumerate(baselines):
        chosen = points[points["baseline"] == baseline]
        limit = clipped_limit(chosen["difference"].tolist(), 1.5 * rope)
        for row, task in enumerate(tasks):
            panel = grid[row][column]
            zero_line(panel, rope)
            for place, candidate in enumerate(candidates):
                part = chosen[(chosen["task"] == task) & (chosen["candidate"] == candidate)]
                look = style[candidate]
                spread = np.linspace(-0.2, 0.2, len(part)) if len(part) > 1 else [0.0]
                _dots(panel, part["difference"].to_numpy(), place + np.asarray(spread), look, limit)
            these = intervals[(intervals["task"] == task) & (intervals["baseline"] == baseline)]
            for _, interval in these.iterrows():
                place = candidates.index(interval["candidate"])
                _interval(panel, interval, place, INK, limit, filled=True)
            panel.set_xlim(-1.08 * limit, 1.08 * limit)
            panel.set_ylim(len(candidates) - 0.5, -0.5)
            panel.set_yticks(range(len(candidates)), [plain(x) for x in candidates])
            panel.grid(visible=False, axis="y")
            panel.set_title(broken(titles[row, column], width), fontsize=10)
        grid[-1][column].set_xlabel(label)
    return figure


@styled
def forest(intervals: pd.DataFrame, style: Mapping[str, Look], rope: float, label: str) -> Figure:
    """Mean differences with intervals, grouped by task, one column per baseline.

    `intervals`: task, candidate, baseline, mean, low, high, verdict. Filled: better or worse.
    """
    tasks = list(dict.fromkeys(intervals["task"]))
    baselines = list(dict.fromkeys(intervals["baseline"]))
    candidates = list(dict.fromkeys(intervals["candidate"]))
    step = len(candidates) + 1
    # A task's name of several lines needs its room where there are few candidates.
    height = 1.0 + max(0.165 * step, 0.17 * max(broken(x).count("\n") + 2 for x in tasks)) * len(
        tasks
    )
    figure, grid = canvas(1, len(baselines), height, NARROW, sharey=True)
    for panel, baseline in zip(grid[0], baselines, strict=True):
        part = intervals[intervals["baseline"] == baseline]
        limit = clipped_limit([*part["low"], *part["high"]], 1.5 * rope)
        zero_line(panel, rope)
        for _, interval in part.iterrows():
            place = tasks.index(interval["task"]) * step + candidates.index(interval["candidate"])
            color = style[interval["candidate"]].color
            filled = is_decided(interval["verdict"])
            _interval(panel, interval, place, color, limit, filled=filled)
        for group in range(1, len(tasks)):
            panel.axhline(group * step - 1, color=GRID, linewidth=0.8)
        panel.set_xlim(-1.08 * limit, 1.08 * limit)
        panel.set_ylim(len(tasks) * step - 1, -1)
        middles = [group * step + (len(candidates) - 1) / 2 for group in range(len(tasks))]
        panel.set_yticks(middles, [broken(task) for task in tasks])
        panel.tick_params(axis="y", length=0)
        panel.grid(visible=False, axis="y")
        panel.set_title(f"against {plain(baseline)}")
    figure.supxlabel(label, fontsize=10)
    handles = [
        Line2D([], [], color=style[x].color, marker="o", lw=2, markersize=6) for x in candidates
    ]
    figure.legend(
        handles,
        [plain(x) for x in candidates],
        loc="outside upper center",
        ncols=min(len(candidates), 4),
        fontsize=9,
    )
    return figure


def plain(text: str) -> str:
    """Text that matplotlib does not read as mathematics."""
    return text.replace("$", r"\$")


def broken(task: str, width: int = 18) -> str:
    """A task's name, `digits+noise=0.4`, over several lines where it is longer than `width`."""
    lines = [""]
    for part in re.split(r"(?=\+)", task):
        if lines[-1] and len(lines[-1]) + len(part) > width:
            lines.append("")
        lines[-1] += part
    return plain("\n".join(lines))


def _dots(panel: Axes, values: np.ndarray, heights: np.ndarray, look: Look, limit: float) -> None:
    inside = np.abs(values) <= limit
    panel.plot(values[inside], heights[inside], "o", ms=3.6, color=look.color, alpha=0.55, mew=0)
    for side, marker in ((-1, "<"), (1, ">")):
        beyond = ~inside & (np.sign(values) == side)
        edge = np.full(int(beyond.sum()), side * 1.04 * limit)
        panel.plot(edge, heights[beyond], marker, ms=5, color=look.color, mew=0)


def _interval(
    panel: Axes, interval: "pd.Series", place: float, color: str, limit: float, *, filled: bool
) -> None:
    low, mean, high = (float(interval[name]) for name in ("low", "mean", "high"))
    if not np.isfinite(mean):
        return
    if np.isfinite(low) and np.isfinite(high):
        panel.plot(np.clip([low, high], -1.06 * limit, 1.06 * limit), [place, place], color=color)
        for end, side, marker in ((low, -1, "<"), (high, 1, ">")):
            if side * end > limit:
                panel.plot([side * 1.05 * limit], [place], marker, ms=5, color=color, mew=0)
    if abs(mean) <= limit:
        face = color if filled else PAPER
        panel.plot([mean], [place], "o", ms=6, mec=color, mfc=face, mew=1.4)


def value_axis(metric: str, axis_unit: str, *, of: str = "") -> str:
    """An axis label: the metric with its unit in brackets."""
    name = metric.replace("_", " ")
    return f"{of}{name} ({axis_unit})" if axis_unit != metric else f"{of}{name}"


def order_by_effect(intervals: pd.DataFrame, sign: float) -> Sequence[str]:
    """Tasks in the order of the mean difference over all comparisons, most favourable first."""
    means = (sign * intervals.groupby("task", sort=False)["mean"].mean()).sort_values(
        ascending=False, kind="stable"
    )
    return [str(task) for task in means.index]
