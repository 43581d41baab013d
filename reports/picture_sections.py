"""Sections of figures: paired differences and learning curves."""

import pandas as pd

from reports import figures
from reports.compare import rules_of
from reports.load import USABLE
from reports.material import Material, Picture, Section
from reports.wording import PLUS_MINUS, counted, listed, unit_of


def intervals(material: Material) -> pd.DataFrame:
    """Primary comparisons as the figures draw them, in the shown unit, by effect."""
    factor = unit_of(material.data.experiment.report.metric).factor
    frame = pd.DataFrame(
        [
            {
                "task": item.task,
                "candidate": item.candidate,
                "baseline": item.baseline,
                "n": item.n,
                "mean": item.mean_difference * factor,
                "low": item.ci_low * factor if item.ci_low is not None else float("nan"),
                "high": item.ci_high * factor if item.ci_high is not None else float("nan"),
                "verdict": item.verdict,
            }
            for item in material.primary
            if item.mean_difference is not None
        ]
    )
    if frame.empty:
        return frame
    order = figures.order_by_effect(frame, rules_of(material.data).sign)
    places = frame["task"].map({task: place for place, task in enumerate(order)})
    return frame.iloc[places.argsort(kind="stable")].reset_index(drop=True)


def points(material: Material) -> pd.DataFrame:
    """Differences per seed of the primary comparisons, in the shown unit."""
    data, metric = material.data, material.data.experiment.report.metric
    rows = data.rows[data.rows["status"].isin(USABLE) & (data.rows["lr_policy"] == "tuned")]
    keys = ["task", "learner", "seed"]
    parts = []
    for candidate, baseline in dict.fromkeys((i.candidate, i.baseline) for i in material.primary):
        a = rows[rows["loss"] == candidate].set_index(keys)[metric]
        b = rows[rows["loss"] == baseline].set_index(keys)[metric]
        difference = ((a - b).dropna() * unit_of(metric).factor).rename("difference")
        parts.append(difference.reset_index().assign(candidate=candidate, baseline=baseline))
    return pd.concat(parts, ignore_index=True)


def differences(material: Material) -> Section | None:
    frame = intervals(material)
    if frame.empty:
        return None
    data, report = material.data, material.data.experiment.report
    unit = unit_of(report.metric)
    label = f"difference in {report.metric.replace('_', ' ')} ({unit.difference})"
    rope, drawn = report.rope * unit.factor, material.style
    level, n = f"{100 * (1 - report.alpha):g} %", counted(int(frame["n"].max()), "seed")
    shared = (
        f"n = {n}; unit: {unit.difference}; {material.better()}. Grey: ROPE, "
        f"{PLUS_MINUS}{unit.value(report.rope)}."
    )
    forest = Picture(
        "forest",
        figures.forest(frame, drawn, rope, label),
        f"Mean paired difference with its {level} t interval, tuned rate. {shared} Filled: "
        f"better or worse ({material.correction()}); hollow: equivalent, inconclusive or refused. "
        "Tasks in the order of their mean effect.",
    )
    paired = Picture(
        "paired_differences",
        figures.paired_differences(points(material), frame, drawn, rope, label),
        f"Every paired difference, tuned rate: one point per seed, black the mean with its {level} "
        f"t interval. {shared} Arrows at the edge: values beyond the axis, as of diverged runs.",
    )
    names = listed(list(dict.fromkeys(frame["baseline"])))
    text = [f"{listed(list(data.candidates))} against {names}, seed by seed."]
    return Section("differences", "Differences", text, pictures=[forest, paired])


def convergence(material: Material) -> Section | None:
    data, metric = material.data, material.data.experiment.report.metric
    column = metric if metric in data.curves else "accuracy"
    if data.curves.empty or column not in data.curves:
        return None
    unit = unit_of(column)
    tuned = data.curves[data.curves["lr_policy"] == "tuned"]
    # A diverged learner has no score from then on: it counts with the declared worst one.
    worst = data.experiment.report.worst
    tuned = tuned.assign(**{column: pd.to_numeric(tuned[column]).fillna(worst)})
    bands = figures.curve_bands(tuned, column, unit.factor)
    caption = (
        f"Test {column.replace('_', ' ')} by training step at the tuned rate; line: mean over "
        f"n = {int(bands['n'].max())} seeds, band: its 95 % t interval (each loss by itself, not "
        f"paired, not corrected), in {unit.axis}. Candidates are blue; a diverged run counts with "
        "the declared worst score."
    )
    label = figures.value_axis(f"test {column}", unit.axis)
    curves = Picture(
        "learning_curves", figures.learning_curves(bands, material.style, label), caption
    )
    return Section(
        "convergence", "Convergence", pictures=[curves, *_curve_gains(material, tuned, column)]
    )


def _curve_gains(material: Material, curves: pd.DataFrame, column: str) -> list[Picture]:
    """Paired gains over the first declared baseline by training step."""
    unit = unit_of(column)
    baseline = material.data.experiment.report.baselines[0]
    shown = curves[
        curves["loss"].isin([*material.data.candidates, *material.data.experiment.report.baselines])
    ]
    bands = figures.curve_bands(figures.gains(shown, column, baseline), column, unit.factor)
    if bands.empty:
        return []
    caption = (
        f"The same learners, paired: test {column.replace('_', ' ')} minus that of {baseline} on "
        f"the same seed, by training step. Line: mean over n = {int(bands['n'].max())} seeds, "
        f"band: 95 % t interval of the paired difference, not corrected, in {unit.difference}; "
        f"{material.better()}."
    )
    figure = figures.learning_curves(bands, material.style, f"gain over {baseline} (points)")
    return [Picture("learning_curve_gains", figure, caption)]
