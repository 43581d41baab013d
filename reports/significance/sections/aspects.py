"""Convergence and adaptability: each with its curves and its paired tests."""

from functools import partial

import numpy as np
import pandas as pd

from bench.catalogue.losses import UNEVOLVED
from reports.data.curves import bands, completed
from reports.data.load import REACHED, USABLE
from reports.data.metrics import STEPS_TO_CE, Aspect, title_of, worst_of
from reports.figures import benchmark as figures
from reports.figures import comparison as comparison_figures
from reports.page.model import Picture, Section
from reports.page.table import Table
from reports.page.wording import PLUS_MINUS, counted, unit_of
from reports.significance import tables
from reports.significance.material import Material
from reports.significance.sections.differences import MOST_PANELS, shown_tasks, shown_text
from reports.stats import survival
from reports.stats.types import Vector

MOST_LINES = 12
"""Losses that a figure of learning curves shows all of."""


def baselines_of(material: Material) -> tuple[str, ...]:
    """The declared baselines."""
    return material.data.experiment.report.baselines


def convergence(material: Material) -> Section | None:
    """How fast: learning curves, paired gains, time to tuned CE's accuracy, and their tests."""
    data = material.data
    column = "accuracy"
    if column not in data.curves.values:
        return None
    pictures = _learning_curves(material, column)
    text = []
    if REACHED in data.rows:
        pictures += _times(material)
    else:
        text.append("Without tuned ce there is no threshold to time: that part is left out.")
    found = _tests(material, "convergence")
    return Section("convergence", "Convergence", text, found, pictures)


def adaptability(material: Material) -> Section | None:
    """How well losses cope with a drift; None where no task drifts."""
    found = _tests(material, "adaptability")
    if not found:
        return None
    text = [
        "After the drift a learner goes on training under the same loss. Tasks without a drift "
        "have no such scores and are left out."
    ]
    return Section("adaptability", "Adaptability", text, found)


def _tests(material: Material, aspect: Aspect) -> list[Table]:
    """One table per metric of an aspect: its comparisons with declared baselines and control."""
    report, found = material.data.experiment.report, []
    items = [
        item
        for item in material.comparisons
        if item.aspect == aspect and item.family == "secondary" and item.metric != report.metric
    ]
    for metric in dict.fromkeys(item.metric for item in items):
        own = [item for item in items if item.metric == metric and item.n]
        if not own:
            continue
        unit = unit_of(metric)
        direction = "higher" if own[0].direction == "maximise" else "lower"
        sizes = sorted({item.family_size for item in own})
        found.append(
            tables.comparisons(
                own,
                f"{aspect}_{metric}",
                f"{title_of(metric)[:1].upper()}{title_of(metric)[1:]}",
                f"Candidate minus baseline on paired test seeds, tuned rate; {direction} is "
                f"better. n = {counted(max(item.n for item in own), 'seed')}; t interval; "
                "two-sided sign-flip p, Holm within each family of "
                f"{' and '.join(map(str, sizes))} comparisons (declared baselines"
                f"{'; un-evolved control' if any(i.baseline == UNEVOLVED for i in own) else ''}). "
                f"ROPE {PLUS_MINUS}{unit.value(own[0].rope)} {unit.difference}. Secondary.",
                report.alpha,
            )
        )
    return found


def _learning_curves(material: Material, column: str) -> list[Picture]:
    data, unit = material.data, unit_of(column)
    tasks = shown_tasks(material)
    drawn = list(data.losses)
    if len(drawn) > MOST_LINES:  # the comparisons' own, without the other rivals
        drawn = [x for x in drawn if x in (*data.candidates, *baselines_of(material), UNEVOLVED)]
    own = (data.rows["lr_policy"] == "tuned") & data.rows["task"].isin(tasks)
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
    found = bands(values, data.curves.steps, rows[["task", "loss"]], unit.factor)
    caption = (
        f"Test {column.replace('_', ' ')} by training step at the tuned rate; line: mean over "
        f"n = {int(found['n'].max())} seeds, band: its 95 % t interval (each loss by itself, not "
        f"paired, not corrected), in {unit.axis}; higher is better. Candidates are blue; a "
        "diverged run counts with the declared worst score. Drawn at the steps at which every run "
        f"of the task was measured.{shown_text(material)}"
    )
    label = figures.value_axis(f"test {column}", unit.axis)
    draw = partial(figures.learning_curves, found, material.style, label)
    return [Picture("learning_curves", draw, caption), *_gains(material, rows, values, column)]


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
    found = bands(differences, data.curves.steps, groups, unit.factor)
    caption = (
        f"The same learners, paired: test {column.replace('_', ' ')} minus that of {baseline} on "
        f"the same seed, by training step. Line: mean over n = {int(found['n'].max())} seeds, "
        f"band: 95 % t interval of the paired difference, not corrected, in {unit.difference}; "
        f"positive values favour the loss over {baseline}.{shown_text(material)}"
    )
    draw = partial(figures.learning_curves, found, material.style, f"gain over {baseline} (points)")
    return [Picture("learning_curve_gains", draw, caption)]


def _times(material: Material) -> list[Picture]:
    """Kaplan-Meier curves of the time to tuned CE's accuracy."""
    data = material.data
    usable = data.rows[(data.rows["lr_policy"] == "tuned") & data.rows["status"].isin(USABLE)]
    wanted = [*data.experiment.report.baselines, *data.candidates]
    wanted += [UNEVOLVED] if UNEVOLVED in data.losses else []
    usable = usable[usable["loss"].isin(wanted) & usable[STEPS_TO_CE].notna()]
    curves: dict[str, dict[str, survival.Curve]] = {}
    for task in shown_tasks(material)[:MOST_PANELS]:
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
        f"training step (1 minus the Kaplan-Meier estimate), n = {n} seeds per loss, tuned rate; "
        f"higher and further left is faster. Runs are censored at {data.budget} steps. No error "
        f"bars: the paired tests are in the table.{shown_text(material)}"
    )
    draw = partial(comparison_figures.time_to_threshold, curves, material.style, data.budget)
    return [Picture("time_to_threshold", draw, caption)]
