"""The picture of a trial: how its loss trains learners, how it was evolved, what it looks like."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from reports.figures import palette
from studies.outcome import Run

if TYPE_CHECKING:
    from mln.shape import LossCurve
    from studies.dashboard.curves import LearningCurves

EVOLVED, CE, MARK = palette.BLUE, palette.VERMILION, palette.EDGE

SIZE_INCHES, DPI = (15.5, 4.1), 80
LAW_WIDTH = 215
"""Letters of the law in a line."""

STYLE = {
    "font.size": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": palette.GRID,
    "axes.axisbelow": True,
    "axes.titlelocation": "left",
    "axes.titlesize": 10.5,
    "legend.frameon": False,
}


class Caption(NamedTuple):
    """What a picture is headed with, and the law of the first run's loss ("": it has none)."""

    title: str
    law: str


def draw(
    path: Path,
    caption: Caption,
    runs: Sequence[Run],
    curves: "LearningCurves",
    shapes: "Sequence[LossCurve]",
    by_regime: Mapping[str, float],
    reported: Sequence[tuple[int, float]] = (),
) -> None:
    """Write the picture as PNG.

    curves and shapes are those of the first run. by_regime: mean gains over tuned CE. reported:
    (member-steps, gain) at which a screen's trial was judged.
    """
    with rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(SIZE_INCHES, dpi=DPI)
        FigureCanvasAgg(figure)
        left, middle, right, last = figure.subplots(1, 4, width_ratios=(1, 1, 1, 0.75))
        # A layout engine would draw everything twice to find this out.
        figure.subplots_adjust(0.045, 0.23, 0.99, 0.85, wspace=0.25)
        figure.suptitle(caption.title, x=0.01, ha="left", fontsize=11, fontweight="bold")
        if caption.law:
            figure.text(0.01, 0.01, textwrap.fill(f"Law: {caption.law}", LAW_WIDTH), fontsize=8.5)
        _draw_learning(left, curves)
        _draw_fitness(middle, runs, reported)
        _draw_shape(right, shapes)
        _draw_regimes(last, by_regime)
        figure.savefig(path)


def _draw_learning(axes: Axes, curves: "LearningCurves") -> None:
    axes.plot(curves.steps, 100 * curves.ce, color=CE, ls="--", label="cross-entropy")
    axes.plot(curves.steps, 100 * curves.loss, color=EVOLVED, label="evolved loss")
    axes.set(
        title=f"Learning curve, {curves.family}",
        xlabel="steps of the learner",
        ylabel="accuracy on outer_valid (%)",
    )
    axes.legend(loc="lower right")


def _draw_fitness(axes: Axes, runs: Sequence[Run], reported: Sequence[tuple[int, float]]) -> None:
    for at, run in enumerate(runs):
        steps = np.array([g["member_steps"] for g in run.history], float) / 1e3
        for key, style, label in (("best", ":", "best"), ("median", "-", "median")):
            values = 100 * np.array([g[key] for g in run.history], float)
            axes.plot(
                steps,
                values,
                style,
                color=EVOLVED,
                lw=1.0,
                alpha=0.9 if len(runs) == 1 else 0.6,
                marker="." if len(steps) < 4 else None,
                label=f"{label} candidate" if not at else None,
            )
        if run.switch is not None:
            axes.axvline(
                run.switch / 1e3, color=MARK, lw=1.2, label="switch: GA to ES" if not at else None
            )
    if reported:
        points = np.array(reported, float)
        axes.plot(points[:, 0] / 1e3, 100 * points[:, 1], "D", color=CE, ms=5, label="judged")
    axes.axhline(0, color=MARK, lw=0.6)
    axes.margins(x=0.08)
    every = np.concatenate([[100 * float(str(g["median"])) for g in run.history] for run in runs])
    low, high = np.percentile(every, [5, 100])
    best = max(100 * float(str(g["best"])) for run in runs for g in run.history)
    # The first generations may be far below: they would flatten the rest.
    axes.set_ylim(bottom=min(low, -1.0) - 1, top=max(high, best, 1.0) + 1)
    axes.set(
        title="Fitness by generation" + (f", {len(runs)} seeds" if len(runs) > 1 else ""),
        xlabel="member-steps (thousands)",
        ylabel="gain over CE (points)",
    )
    axes.legend(loc="best")


def _draw_shape(axes: Axes, shapes: "Sequence[LossCurve]") -> None:
    for curve in shapes:
        if curve["kind"] != "gradient" or curve["target"] != 1:
            continue
        is_ce = curve["loss"] == "ce"
        state = curve.get("state")
        axes.plot(
            curve["p"],
            curve["y"],
            color=CE if is_ce else EVOLVED,
            ls="--" if is_ce else {"early": ":", "late": "-."}.get(state or "", "-"),
            label="cross-entropy" if is_ce else f"evolved{f', {state}' if state else ''}",
        )
    axes.axhline(0, color=MARK, lw=0.6)
    axes.set(
        title="Shape of the loss",
        xlabel="probability of the true class",
        ylabel="gradient for its logit",
    )
    axes.legend(loc="lower right")


def _draw_regimes(axes: Axes, by_regime: Mapping[str, float]) -> None:
    gains = [100 * gain for gain in by_regime.values()]
    places = range(len(gains))
    axes.barh(places, gains, color=[EVOLVED if gain >= 0 else CE for gain in gains], height=0.45)
    axes.axvline(0, color=MARK, lw=0.8)
    for place, (regime, gain) in enumerate(by_regime.items()):
        # Above its bar: a long name beside it would need a margin of unknown width.
        text, edge = f" {regime}: {100 * gain:+.2f}", axes.get_yaxis_transform()
        axes.text(0, place - 0.3, text, va="bottom", fontsize=8, transform=edge)
    reach = 1.2 * max(map(abs, gains), default=1.0) or 1.0
    axes.set(xlim=(-reach, reach), ylim=(len(gains) - 0.5, -0.8), yticks=[])
    axes.set(title="Gain by regime", xlabel="points over tuned CE")
    axes.grid(visible=False, axis="y")
