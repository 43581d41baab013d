"""The section of convergence: curves, and the time to tuned CE's accuracy."""

from functools import partial

import numpy as np
import pandas as pd

from bench.catalogue.losses import UNEVOLVED
from bench.catalogue.metrics import STEPS_TO_CE
from reports.benchmark.material import Material
from reports.benchmark.sections.differences import MAX_PANELS, shown_tasks, shown_text
from reports.data.cells import USABLE
from reports.data.curves import bands, completed
from reports.data.metrics import worst_of
from reports.data.model import REACHED
from reports.figures import benchmark as figures
from reports.figures import comparison as comparison_figures
from reports.page.model import Picture, Section
from reports.page.wording import unit_of
from reports.stats import survival
from reports.stats.types import Vector

MAX_LINES = 12
"""Losses that a figure of learning curves shows all of."""


def convergence(material: Material) -> Section | None:
    """How fast: learning curves, paired gains, time to tuned CE's accuracy."""
    data = material.data
    known = [name for name in ("accuracy", *data.metrics) if name in data.curves.values]
    if not known:
        return None
    if len(data.curves.steps) < 2:
        once = "Learners were measured at one step alone: there is no curve to draw."
        return Section("convergence", "Convergence", [once])
    column = known[0]
    pictures = _learning_curves(material, column)
    text = []
    if REACHED in data.rows:
        pictures += _times(material)
    else:
        text.append(
            "No run of tuned ce came to its end, so there is no threshold to time: that part is "
            "left out."
        )
    return Section("convergence", "Convergence", text, pictures=pictures[:1], folded=pictures[1:])


def _learning_curves(material: Material, column: str) -> list[Picture]:
    data, unit = material.data, unit_of(column)
    tasks = shown_tasks(material)
    drawn = list(data.losses)
    if len(drawn) > MAX_LINES:  # the comparisons' own, without the other rivals
        drawn = [
            x
            for x in drawn
            if x in (*data.candidates, *data.experiment.report.baselines, UNEVOLVED)
        ]
    own = (data.rows["policy"] == data.policy) & data.rows["task"].isin(tasks)
    own &= data.rows["loss"].isin(drawn)
    places = np.flatnonzero(own.to_numpy())
    chosen = data.rows.iloc[places].reset_index(drop=True)
    rows = chosen[["task", "loss", "seed"]]
    values = completed(
        data.curves.values[column][places],
        chosen[["task", "learner"]],
        (chosen["status"] == "diverged").to_numpy(),
        worst_of(column, data.experiment.report, data.budget),
    )
    lines = bands(values, data.curves.steps, rows[["task", "loss"]], unit.factor)
    if lines.empty:
        return []
    caption = (
        f"Test {column.replace('_', ' ')} by training step, {material.policy}; line: mean over "
        f"n = {int(lines['n'].max())} seeds, band: its 95 % t interval (each loss by itself, not "
        f"paired, not corrected), in {unit.axis}; higher is better. Candidates are blue; a "
        "diverged run counts with the declared worst score. Drawn at the steps at which every run "
        f"of the task was measured.{shown_text(material)}"
    )
    label = figures.value_axis(f"test {column}", unit.axis)
    draw = partial(figures.learning_curves, lines, material.style, label)
    curves = Picture("learning_curves", draw, caption, "Learning curves", is_wide=False)
    return [curves, *_gains(material, rows, values, column)]


def _gains(material: Material, rows: pd.DataFrame, values: Vector, column: str) -> list[Picture]:
    """Paired gains over the first declared baseline by training step."""
    data, unit = material.data, unit_of(column)
    baselines = data.experiment.report.baselines
    if not baselines:
        return []
    baseline = baselines[0]
    reference = {
        (task, seed): place
        for place, (task, loss, seed) in enumerate(rows.itertuples(index=False, name=None))
        if loss == baseline
    }
    kept = rows[rows["loss"].isin([*data.candidates, *baselines]) & (rows["loss"] != baseline)]
    pairs = [
        (place, reference[task, seed])
        for place, task, seed in zip(kept.index, kept["task"], kept["seed"], strict=True)
        if (task, seed) in reference
    ]
    if not pairs:
        return []
    own, other = (np.array(side) for side in zip(*pairs, strict=True))
    differences = values[own] - values[other]
    groups = rows.iloc[own][["task", "loss"]].reset_index(drop=True)
    lines = bands(differences, data.curves.steps, groups, unit.factor)
    if lines.empty:
        return []
    caption = (
        f"The same learners, paired: test {column.replace('_', ' ')} minus that of {baseline} on "
        f"the same seed, by training step. Line: mean over n = {int(lines['n'].max())} seeds, "
        f"band: 95 % t interval of the paired difference, not corrected, in {unit.difference}; "
        f"positive values favour the loss over {baseline}.{shown_text(material)}"
    )
    label = f"gain over {baseline} ({unit.difference})"
    draw = partial(figures.learning_curves, lines, material.style, label)
    title = f"Gain over {baseline} by training step"
    return [Picture("learning_curve_gains", draw, caption, title, is_wide=False)]


def _times(material: Material) -> list[Picture]:
    """Kaplan-Meier curves of the time to tuned CE's accuracy."""
    data = material.data
    usable = data.rows[(data.rows["policy"] == data.policy) & data.rows["status"].isin(USABLE)]
    wanted = [*data.experiment.report.baselines, *data.candidates]
    wanted += [UNEVOLVED] if UNEVOLVED in data.losses else []
    usable = usable[usable["loss"].isin(wanted) & usable[STEPS_TO_CE].notna()]
    curves: dict[str, dict[str, survival.SurvivalCurve]] = {}
    for task in shown_tasks(material)[:MAX_PANELS]:
        own = usable[usable["task"] == task]
        lines = {
            str(loss): survival.survival_curve(part[STEPS_TO_CE], part[REACHED])
            for loss, part in own.groupby("loss", sort=False)
        }
        if lines:
            curves[task] = lines
    if not curves:
        return []
    n = int(usable.groupby(["task", "loss"]).size().max())
    caption = (
        "Share of runs that have reached the mean final test accuracy of tuned CE on the task, by "
        f"training step (1 minus the Kaplan-Meier estimate), n = {n} seeds per loss, "
        f"{material.policy}; "
        f"higher and further left is faster. Runs are censored at {data.budget} steps. No error "
        f"bars: the paired tests stand under Secondary comparisons.{shown_text(material)}"
    )
    draw = partial(comparison_figures.time_to_threshold, curves, material.style, data.budget)
    title = "Time to the accuracy of tuned CE"
    return [Picture("time_to_threshold", draw, caption, title)]
