"""Figures of learning rates."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from reports.figures.benchmark import broken, legend_panel
from reports.figures.style import NARROW, Look, panels, styled

DOT = 60.0
"""Area of the dot of a rate that every seed chose, points squared."""


@styled
def rate_responses(response: pd.DataFrame, style: Mapping[str, Look], label: str) -> Figure:
    """One panel per task: score against learning rate, with bands and the seeds' choices.

    response: task, loss, lr, n, mean, low, high, chosen (how many seeds chose this rate), in the
    order of tasks to draw.
    """
    tasks = list(dict.fromkeys(response["task"]))
    figure, axes = panels(len(tasks) + 1, 2, 2.0, NARROW)
    for panel, task in zip(axes, tasks, strict=False):
        part = response[response["task"] == task]
        for loss, look in style.items():
            line = part[part["loss"] == loss].sort_values("lr")
            if line.empty:
                continue
            panel.plot(
                line["lr"], line["mean"], color=look.color, linestyle=look.dash, lw=look.width
            )
            panel.fill_between(
                line["lr"], line["low"], line["high"], color=look.color, alpha=0.1, lw=0
            )
            share = line["chosen"] / line["chosen"].sum() if line["chosen"].sum() else 0.0
            panel.scatter(
                line["lr"], line["mean"], s=DOT * share, color=look.color, linewidths=0, zorder=3
            )
        _rate_axis(panel, part["lr"])
        # A loss that fails at one rate must not flatten all others.
        low, high = part["mean"].quantile(0.1), part["mean"].max()
        margin = 0.08 * (high - low) or 1.0
        panel.set_ylim(low - margin, high + 2 * margin)
        panel.set_title(broken(task, 26), fontsize=10)
        panel.set_xlabel("learning rate")
        panel.set_ylabel(label)
    legend_panel(axes[len(tasks) :], style, [x for x in style if x in set(response["loss"])])
    return figure


def _rate_axis(panel: Axes, rates: "pd.Series[float]") -> None:
    """A log axis; of rates within a decade the ends are named, where powers of ten are too few."""
    panel.set_xscale("log")
    panel.xaxis.set_minor_formatter(NullFormatter())
    low, high = rates.min(), rates.max()
    if high < 10.5 * low:
        ends = sorted({low, high})
        panel.set_xticks(ends, labels=[f"{rate:g}" for rate in ends])
