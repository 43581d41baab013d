"""A learned loss explained on one page: its shape, the nearest known loss, a polynomial; of an
adaptive loss its law and what its exponents do in typical trainings.

Numbers arrive as the mapping that is also written as explain.json; nothing is computed here.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from reports.figures.evolution import loss_shapes
from reports.figures.palette import DARK_BLUE, FAINT, GREEN, VERMILION, category_colors
from reports.figures.style import canvas, looks, png, styled, svg
from reports.page.files import inline, write_files

ACROSS = {"progress": "progress of training", "accuracy": "running accuracy"}
ALTERNATIVES = {
    "shape": "Value and gradients of the loss beside the known losses",
    "nearest": "Gradient of the loss over its nearest known loss and its polynomial",
    "trainings": "Exponents of the loss against the progress of training and the accuracy",
}
"""What a reader is told who does not see a figure."""

DASHES = ("-", "--", "-.", ":")


def write_explanation(explanation: Mapping[str, Any], out_dir: Path) -> list[Path]:
    """Write explain.html, explain.json and figures/ (SVG and PNG); the paths written.

    `explanation`: loss, spec, provenance, classes, curves (loss, state, kind, target, p, y),
    states (state, nearest, families, polynomial, fitted), and of an adaptive loss law (exponent,
    formula, words), trainings (training, task, progress, accuracy, exponents, moments) and tasks
    (`bench.describing.model.TaskDescription`), which are empty for others. Raises InputError
    where the folder cannot be written.
    """
    figures = {
        "shape": shape_figure(explanation),
        "nearest": nearest_figure(explanation),
    }
    if explanation["trainings"]:
        figures["trainings"] = trainings_figure(explanation)
    drawings = {name: svg(figure) for name, figure in figures.items()}
    files: dict[str, str | bytes] = {
        "explain.html": _html(explanation, drawings),
        "explain.json": json.dumps(explanation, indent=1, allow_nan=False) + "\n",
    }
    for name, figure in figures.items():
        files[f"figures/{name}.svg"] = drawings[name]
        files[f"figures/{name}.png"] = png(figure)
    write_files(out_dir, files)
    return [out_dir / name for name in files]


def shape_figure(explanation: Mapping[str, Any]) -> Figure:
    """Value and gradients of the loss, in each of its states, beside the known losses."""
    curves = [
        {**curve, "loss": _name(curve["loss"], curve["state"])} for curve in explanation["curves"]
    ]
    own = [_name(explanation["loss"], part["state"]) for part in explanation["states"]]
    others = [name for name in dict.fromkeys(curve["loss"] for curve in curves) if name not in own]
    rows = pd.concat(
        [pd.DataFrame(curve, columns=["loss", "kind", "target", "p", "y"]) for curve in curves],
        ignore_index=True,
    )
    return loss_shapes(rows.assign(state=""), looks([*others, *own], own))


@styled
def nearest_figure(explanation: Mapping[str, Any]) -> Figure:
    """The loss's gradient over the best fits to it, a row of panels for each state."""
    states: Sequence[Mapping[str, Any]] = explanation["states"]
    figure, grid = canvas(len(states), 3, 0.4 + 3.0 * len(states), width_ratios=(1, 1, 0.62))
    titles = {1: "gradient, true class", 0: "gradient, a rival class"}
    for part, row in zip(states, grid, strict=True):
        for panel, target in zip(row[:2], titles, strict=True):
            for curve in explanation["curves"]:
                ours = curve["loss"] == explanation["loss"] and curve["state"] == part["state"]
                if ours and (curve["kind"], curve["target"]) == ("gradient", target):
                    panel.plot(curve["p"], curve["y"], color=DARK_BLUE, lw=2.4, label="this loss")
            for fit in part["fitted"]:
                if fit["target"] == target:
                    known = fit["fit"] == "nearest"
                    source = part["nearest"] if known else part["polynomial"]
                    name = (
                        source["label"].replace(" (", "\n(") if known else "third-order polynomial"
                    )
                    panel.plot(
                        fit["p"],
                        fit["y"],
                        color=VERMILION if known else GREEN,
                        ls="--" if known else "-.",
                        label=f"{name}\nR2 = {source['r2']:.3f}",
                    )
            panel.axhline(0, color=FAINT, linewidth=0.8, zorder=0)
            panel.set_title(_titled(titles[target], part["state"]))
            panel.set_xlim(0, 1)
        # Beside the panels: within one, some curve always passes below it.
        row[2].set_axis_off()
        row[2].legend(*row[0].get_legend_handles_labels(), loc="center left", labelspacing=1.2)
    for panel, label in zip(
        grid[-1], ("p of the true class", "p of the rival class"), strict=False
    ):
        panel.set_xlabel(label)
    return figure


@styled
def trainings_figure(explanation: Mapping[str, Any]) -> Figure:
    """Each exponent, over its range, against the progress of training and against the running
    accuracy, a line for each training."""
    trainings: Sequence[Mapping[str, Any]] = explanation["trainings"]
    names = list(trainings[0]["exponents"])
    figure, grid = canvas(2, len(names), 5.2, sharey="col")
    lines = dict(zip(category_colors(len(trainings)), DASHES, strict=False))
    for row, (key, label) in zip(grid, ACROSS.items(), strict=True):
        for panel, name in zip(row, names, strict=True):
            for part, (color, dash) in zip(trainings, lines.items(), strict=True):
                x, y = part[key], part["exponents"][name]
                panel.plot(x, y, color=color, ls=dash, label=part["training"])
                panel.plot(x[-1:], y[-1:], "o", ms=4, color=color)
            largest = explanation["spec"][f"max_{name}"] or 1.0
            panel.set_ylim(-0.04 * largest, 1.04 * largest)
            panel.set_xlim(0, 1)
            panel.set_xticks([0, 0.5, 1])
            panel.set_xlabel(label)
            if key == "progress":
                panel.set_title(name)
    figure.legend(
        *grid[0][0].get_legend_handles_labels(), loc="outside upper center", ncols=len(trainings)
    )
    return figure


def _name(loss: str, state: str | None) -> str:
    return loss if state is None else f"{loss}, {state}"


def _titled(title: str, state: str | None) -> str:
    return title if state is None else f"{title}; {state}"


def _html(explanation: Mapping[str, Any], drawings: Mapping[str, str]) -> str:
    environment = Environment(
        loader=PackageLoader("reports.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template("explain.html.j2").render(
        explanation=explanation,
        provenance=json.dumps(explanation["provenance"], indent=1, sort_keys=True),
        drawings={
            name: inline(drawing, name, ALTERNATIVES[name]) for name, drawing in drawings.items()
        },
    )
    return text + "\n"
