"""Sections on what evolution and studies did."""

from functools import partial

import pandas as pd

from reports.benchmark.material import Material
from reports.figures import evolution as evolution_figures
from reports.page.model import Picture, Section
from reports.page.table import plain_frame, trials_table
from reports.page.wording import counted, signed_minus


def evolution(material: Material) -> Section | None:
    """Shapes of the evolved losses and the course of their evolution; None without any."""
    data, pictures = material.data, []
    drawn = material.style
    if not data.shapes.empty:
        pictures.append(
            Picture(
                "loss_shapes",
                partial(evolution_figures.loss_shapes, data.shapes, drawn),
                "Value: loss of one of 10 classes' examples against the probability of its true "
                "class, 0 at p = 1. Gradients: derivative with respect to the true class's logit, "
                "and to that of a rival that holds all other probability. Every loss is scaled to "
                "the gradient size of CE, because a learning rate absorbs its scale. "
                f"{_states(data.shapes)}Functions, not estimates: no error bars.",
                "Shapes of the losses",
                is_wide=False,
            )
        )
    if not data.history.empty:
        pictures.append(
            Picture(
                "evolution_history",
                partial(evolution_figures.evolution_history, data.history, drawn, 100.0),
                "Gain over CE in accuracy points on the outer validation split, per generation: "
                "the best and the median of its candidates on newly drawn tasks, which makes the "
                "best of a generation optimistic. Shaded: genetic algorithm. n = "
                f"{counted(data.history['loss'].nunique(), 'run')}; no error bars, higher is "
                "better.",
                "History of the evolution",
                is_wide=False,
            )
        )
    if not pictures:
        return None
    frame = data.evolutions.rename(
        columns={"fitness": "gain (points)", "member_steps": "member-steps"}
    )
    if len(frame):
        frame["gain (points)"] = [signed_minus(100 * gain, 2) for gain in frame["gain (points)"]]
        frame["member-steps"] = [f"{steps:,}" for steps in frame["member-steps"]]
    table = plain_frame(
        "evolution",
        "Evolution runs",
        "Gain: mean over the candidates of the last generation, over CE, in points of accuracy on "
        "outer validation. What a loss is worth is in the sections above.",
        frame,
    )
    shown = [table] if len(frame) else []
    return Section("evolution", "Evolution", pictures=pictures, folded=shown)


def study(material: Material) -> Section | None:
    """The study of the evolution's settings; None where there was none."""
    data = material.data
    if data.trials.empty:
        return None
    pictures = [
        Picture(
            "study",
            partial(evolution_figures.study_progress, data.trials, data.intermediate, 100.0),
            "Study of the evolution's settings: value (gain over tuned CE in points) of each trial "
            f"and of its intermediate reports. n = {counted(len(data.trials), 'trial')}; no error "
            "bars, since each trial is one run.",
            "The search",
            is_wide=False,
        )
    ]
    if not data.importances.empty:
        pictures.append(
            Picture(
                "importances",
                partial(evolution_figures.parameter_importances, data.importances),
                "Share of each setting in reaching the best trials (PED-ANOVA), estimated from "
                f"n = {counted(len(data.trials), 'trial')}; below 50 trials it "
                "is no evidence, and a setting looks unimportant where the sampler has "
                "concentrated.",
                "What mattered",
                is_wide=False,
            )
        )
    trials = trials_table(data.trials, "Value: gain over tuned CE in points.")
    return Section(
        "study", "Study", folded=[trials], pictures=pictures, is_folded=True,
        about=f"of the evolution's settings: {counted(len(data.trials), 'trial')}",
    )  # fmt: skip


def _states(shapes: pd.DataFrame) -> str:
    """What the line styles of losses that follow the state of training mean."""
    if not (shapes["state"] == "middle").any():
        return ""
    return (
        "A loss that follows the state of training has three lines: thick in the middle of "
        "training, thin dotted early, thin dashed late. "
    )
