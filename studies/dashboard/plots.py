"""The study's own figures in the dashboard: at most three."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import optuna
from optuna_dashboard import save_plotly_graph_object

from bench.experiment.study import AblateStudy, StudyBase
from bench.store.store import Row
from reports.figures import palette
from studies.dashboard.data import Importances, ReviewData, seed_means
from studies.domains import Range
from studies.outcome import StudyResult
from studies.plan import StudyPlan
from studies.protocol import short
from studies.space import MODE, MUTATION_SIGMA, SWITCH_POINT

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MODE_COLORS = {
    "ga": palette.BLUE,
    "es": palette.VERMILION,
    "hybrid": palette.GREEN,
    "random": palette.GREY,
}
GAIN = "gain over tuned CE (points)"


def save_plots(
    study: optuna.Study,
    section: StudyBase,
    plan: StudyPlan,
    review: ReviewData,
) -> None:
    """Importances, response, budget against gain; of an ablation its cells."""
    figures = (
        {"cells": cells(review.result, review.gains)}
        if isinstance(section, AblateStudy)
        else {
            "importances": importance_bars(review.shares),
            "response": response(plan, review.result),
            "budget-and-gain": budget_and_gain(section, review.result),
        }
    )
    for name, figure in figures.items():
        if figure is not None:
            save_plotly_graph_object(study, figure, graph_object_id=name)


def importance_bars(shares: Importances) -> "Figure | None":
    """Bars of the shares; None where there are none."""
    if not shares.shares:
        return None
    import plotly.graph_objects as go

    ordered = sorted(shares.shares.items(), key=lambda item: item[1])
    at = f" at {shares.point}" if shares.point else ""
    figure = go.Figure(
        go.Bar(
            x=[share for _, share in ordered],
            y=[short(name) for name, _ in ordered],
            orientation="h",
            marker_color=palette.BLUE,
            text=[f"{share:.0%}" for _, share in ordered],
        )
    )
    # Else the two charts of importances on one page contradict each other without a word.
    why = "without those that the sampler placed, which the panel above counts"
    title = f"Importances in the {shares.trials} random trials{at}<br><sup>{why}</sup>"
    return _styled(figure, title, "share (PED-ANOVA)", "")


def response(plan: StudyPlan, result: StudyResult) -> "Figure | None":
    """Gain over switch point and mutation sigma, or over the first two ranges of the space."""
    import plotly.graph_objects as go

    ranges = [p.name for p in plan.space.parameters if isinstance(p.domain, Range)]
    pair = [name for name in (SWITCH_POINT, MUTATION_SIGMA) if name in ranges]
    x, y, *_ = [*(pair if len(pair) == 2 else ranges), "", ""]
    known = [t for t in result.trials if t.estimate is not None]
    shown = [t for t in known if x in t.params and y in t.params]
    if len(shown) < 2:
        return None
    log = {p.name: p.domain.log for p in plan.space.parameters if isinstance(p.domain, Range)}
    figure = go.Figure()
    for state, symbol, label in (("complete", "circle", "whole"), ("pruned", "x", "stopped early")):
        trials = [t for t in shown if t.state == state]
        if not trials:
            continue
        figure.add_scatter(
            x=[t.params[x] for t in trials],
            y=[t.params[y] for t in trials],
            mode="markers",
            name=label,
            marker={
                "symbol": symbol,
                "size": 12,
                "color": [100 * (t.estimate or 0.0) for t in trials],
                "coloraxis": "coloraxis",
                "line": {"width": 0.5, "color": palette.INK},
            },
            text=[f"trial {t.number}" for t in trials],
            hovertemplate="%{text}: %{marker.color:+.2f} points<br>%{x:.3g}, %{y:.3g}"
            "<extra></extra>",
        )
    figure.update_layout(
        coloraxis={"colorscale": palette.SEQUENTIAL, "colorbar": {"title": "points"}},
        legend={"orientation": "h", "y": 1.08},
    )
    figure.update_xaxes(type="log" if log[x] else "linear")
    figure.update_yaxes(type="log" if log[y] else "linear")
    return _styled(figure, f"Response to {short(x)} and {short(y)}", short(x), short(y))


def budget_and_gain(section: StudyBase, result: StudyResult) -> "Figure | None":
    """Gain at each point of the budget, by mode; or at the end, where trials have one point."""
    import plotly.graph_objects as go

    curves = [t for t in result.trials if t.estimate is not None]
    if not curves:
        return None
    figure = go.Figure()
    named: set[str] = set()
    for trial in curves:
        mode = str(trial.params.get(MODE, "all"))
        is_screen = section.kind == "screen" and trial.steps
        x = list(trial.steps) if is_screen else [trial.member_steps]
        y = [100 * v for v in trial.values] if is_screen else [100 * (trial.estimate or 0.0)]
        figure.add_scatter(
            x=x,
            y=y,
            mode="lines+markers",
            name=mode,
            legendgroup=mode,
            showlegend=mode not in named,
            opacity=0.5 if trial.state == "pruned" else 1.0,
            line={"color": MODE_COLORS.get(mode, palette.BLUE)},
            hovertemplate=f"trial {trial.number}: %{{y:+.2f}} points at %{{x:,}}<extra></extra>",
        )
        named.add(mode)
    if result.front:
        figure.add_scatter(
            x=[t.member_steps for t in result.front],
            y=[100 * (t.value or 0.0) for t in result.front],
            mode="lines",
            name="Pareto front",
            line={"color": palette.INK, "dash": "dot", "shape": "hv"},
        )
    figure.update_layout(legend={"orientation": "h", "y": 1.08})
    return _styled(figure, "Budget and gain", "member-steps", GAIN)


def cells(result: StudyResult, gains: Sequence[Row]) -> "Figure | None":
    """Every evolution seed of every cell, and each cell's mean."""
    import plotly.graph_objects as go

    done = sorted((t for t in result.trials if t.value is not None), key=lambda t: t.value or 0.0)
    if not done:
        return None
    labels = {t.slot: ", ".join(str(value) for value in t.params.values()) for t in done}
    points = [
        (labels[slot], 100 * mean, seed)
        for slot, means in seed_means(gains).items()
        for seed, mean in means.items()
        if slot in labels
    ]
    figure = go.Figure()
    figure.add_scatter(
        x=[gain for _, gain, _ in points],
        y=[label for label, _, _ in points],
        mode="markers",
        name="one evolution seed",
        marker={"color": palette.BLUE, "opacity": 0.5},
        text=[f"seed {seed}" for _, _, seed in points],
        hovertemplate="%{text}: %{x:+.2f} points<extra></extra>",
    )
    figure.add_scatter(
        x=[100 * (t.value or 0.0) for t in done],
        y=[labels[t.slot] for t in done],
        mode="markers",
        name="mean of the cell",
        marker={"color": palette.VERMILION, "size": 12, "symbol": "diamond"},
    )
    figure.update_yaxes(categoryorder="array", categoryarray=[labels[t.slot] for t in done])
    figure.update_layout(legend={"orientation": "h", "y": 1.08})
    return _styled(figure, "Gain of each cell", GAIN, "")


def _styled(figure: "Figure", title: str, x: str, y: str) -> "Figure":
    figure.update_layout(title=title, xaxis_title=x, yaxis_title=y, template="plotly_white")
    return figure
