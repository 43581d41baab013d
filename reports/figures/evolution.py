"""Figures of what evolution and studies did: loss shapes, histories, trials, importances."""

from collections.abc import Collection, Mapping

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from reports.figures.benchmark import legend_panel, plain
from reports.figures.palette import BLUE, FAINT, INK, SHADE, VERMILION
from reports.figures.style import NARROW, Dash, Look, canvas, styled

PANELS = (
    ("value", 1, "value", "p of the true class"),
    ("gradient", 1, "gradient, true class", "p of the true class"),
    ("gradient", 0, "gradient, a rival class", "p of the rival class"),
)

STATES: Mapping[str, tuple[Dash, float]] = {"early": (":", 1.1), "late": ("--", 1.1)}
"""How a loss that follows the state of training is drawn in states other than "middle"."""


@styled
def loss_shapes(shapes: pd.DataFrame, style: Mapping[str, Look]) -> Figure:
    """Value and gradients of each loss against the predicted probability of a class.

    `shapes`: loss, state, kind, target, p, y; the state is empty for a loss without one. The axes
    are cut where a loss has a pole.
    """
    present = set(shapes["loss"])
    losses = [name for name in style if name in present]
    figure, grid = canvas(2, 2, 4.9, NARROW)
    axes = [panel for row in grid for panel in row]
    for panel, (kind, target, title, label) in zip(axes, PANELS, strict=False):
        part = shapes[(shapes["kind"] == kind) & (shapes["target"] == target)]
        for loss in losses:
            look = style[loss]
            for state, line in part[part["loss"] == loss].groupby("state"):
                dash, width = STATES.get(str(state), (look.dash, look.width))
                line = line.sort_values("p")
                panel.plot(line["p"], line["y"], color=look.color, ls=dash, lw=width)
        panel.axhline(0, color=FAINT, linewidth=0.8, zorder=0)
        inner = part[part["p"].between(0.05, 0.95)]["y"].astype(float)
        if len(inner):
            low, high = min(float(inner.min()), 0.0), max(float(inner.max()), 0.0)
            margin = 0.06 * (high - low) or 0.1
            panel.set_ylim(low - margin, high + margin)
        panel.set_title(title)
        panel.set_xlim(0, 1)
        panel.set_xlabel(label)
    legend_panel(axes[len(PANELS) :], style, losses)
    return figure


@styled
def evolution_history(history: pd.DataFrame, style: Mapping[str, Look], factor: float) -> Figure:
    """Best and median gain over CE by member-steps, one panel per run, GA shaded before ES.

    `history`: loss, phase, member_steps, best, median.
    """
    losses = list(dict.fromkeys(history["loss"]))
    columns = min(2, len(losses))
    rows = -(-len(losses) // columns)
    figure, grid = canvas(rows, columns, 0.6 + 2.1 * rows, NARROW, sharey=True)
    panels = [panel for row in grid for panel in row]
    unit, name = (1e6, "millions") if history["member_steps"].max() >= 2e6 else (1e3, "thousands")
    for panel, loss in zip(panels, losses, strict=False):
        part = history[history["loss"] == loss].sort_values("member_steps")
        look = style[loss]
        steps = part["member_steps"] / unit
        panel.plot(steps, part["best"] * factor, color=look.color, lw=2)
        panel.plot(steps, part["median"] * factor, color=look.color, lw=1.4, ls="--")
        panel.axhline(0, color=INK, linewidth=0.9, zorder=1)
        strategy = part["phase"].str.lower() == "es"
        if strategy.any() and not strategy.all():
            switch = (steps[strategy].min() + steps[~strategy].max()) / 2
            panel.axvline(switch, color=FAINT, ls=":", lw=1.4)
            panel.axvspan(steps.min(), switch, color=SHADE, zorder=0)
        panel.set_title(plain(loss))
        panel.xaxis.set_major_locator(MaxNLocator(5))
    for panel in panels[len(losses) :]:
        panel.set_axis_off()
    for row in grid:
        row[0].set_ylabel("gain over CE (points)")
    for panel in panels[max(len(losses) - columns, 0) : len(losses)]:
        panel.set_xlabel(f"member-steps ({name})")
    handles = [
        Line2D([], [], color=INK, lw=2),
        Line2D([], [], color=INK, lw=1.4, ls="--"),
        Line2D([], [], color=FAINT, lw=1.4, ls=":"),
    ]
    names = ["best of the generation", "median", "GA hands over to ES"]
    figure.legend(handles, names, loc="outside upper center", ncols=3, fontsize=8.5)
    return figure


@styled
def study_progress(
    trials: pd.DataFrame,
    intermediate: pd.DataFrame,
    factor: float,
    infeasible: Collection[int] = (),
) -> Figure:
    """Above: value of each finished trial and the best so far. Below: intermediate values.

    `trials`: number, state, value. `intermediate`: number, step (member-steps), value.
    `infeasible`: numbers of finished trials that cannot be the best.
    """
    figure, grid = canvas(2, 1, 5.2, NARROW)
    [left], [right] = grid
    finished = trials[trials["value"].notna()].sort_values("number")
    values = finished["value"].astype(float) * factor
    eligible = finished[~finished["number"].isin(infeasible)]
    excluded = finished[finished["number"].isin(infeasible)]
    best_values = values[eligible.index].cummax()
    left.plot(eligible["number"], values[eligible.index], "o", ms=6, color=BLUE, label="trial")
    left.step(eligible["number"], best_values, where="post", color=VERMILION, label="best so far")
    if len(excluded):
        left.plot(
            excluded["number"], values[excluded.index], "o", ms=6, mfc="none", mec=BLUE,
            label="infeasible",
        )  # fmt: skip
    other = trials[trials["value"].isna()]
    if len(other):
        floor = values.min() if len(values) else 0.0
        left.plot(
            other["number"], [floor] * len(other), "x", ms=6, color=FAINT, label="pruned or failed"
        )
    left.xaxis.set_major_locator(MaxNLocator(integer=True))
    left.set_title("value by trial")
    left.set_xlabel("trial")
    left.set_ylabel("gain over CE (points)")
    # Below the panels: trials lie anywhere.
    figure.legend(loc="outside lower center", ncols=3)
    best = eligible["number"].to_numpy()[int(best_values.argmax())] if len(eligible) else None
    done = set(finished["number"])
    for number, line in intermediate.groupby("number", sort=True):
        kept = number in done
        color = VERMILION if number == best else BLUE if kept else FAINT
        right.plot(
            line["step"] / 1e3,
            line["value"] * factor,
            color=color,
            ls="-" if kept else ":",
            marker="o",
            ms=3,
            lw=2.2 if number == best else 1.1,
        )
    right.set_title("intermediate values (best in orange, pruned dotted)", fontsize=10)
    right.set_xlabel("member-steps (thousands)")
    return figure


@styled
def parameter_importances(importances: pd.DataFrame) -> Figure:
    """Importance of each parameter as a bar; `importances`: name, share."""
    ordered = importances.sort_values("share", kind="stable")
    figure, grid = canvas(1, 1, 0.7 + 0.28 * len(ordered), NARROW)
    panel = grid[0][0]
    # Every setting is one of the evolution's; the page names the whole key beside it.
    names = [plain(str(name).removeprefix("evolution.").removeprefix("settings."))
             for name in ordered["name"]]  # fmt: skip
    panel.barh(names, ordered["share"], color=BLUE, height=0.6)
    for place, share in enumerate(ordered["share"]):
        panel.text(share, place, f" {share:.2f}", va="center")
    panel.grid(visible=False, axis="y")
    panel.set_xlim(0, max(1.12 * float(ordered["share"].max()), 0.1))
    panel.set_xlabel("importance (share)")
    return figure
