"""Sections of figures about the primary comparisons."""

from functools import partial

import numpy as np
import pandas as pd

from reports import stats
from reports.benchmark.material import Material
from reports.data.model import rules_of
from reports.figures import benchmark as figures
from reports.figures import comparison as comparison_figures
from reports.page.model import Picture, Section
from reports.page.wording import PLUS_MINUS, counted, listed, p_text, sentence, unit_of
from reports.stats import ranks
from reports.stats.types import Vector
from reports.verdicts.prospects import shortfall

MAX_PANELS = 8
"""Tasks that a figure with one panel per task shows: those with the largest effects."""

MAX_MATRICES = 6
"""Tasks whose pairs of losses are drawn."""

MAX_HEAD_INTERVALS = 40
"""Intervals against one baseline that the forest at the head of a page has room for."""

MAX_FOREST_TASKS = 40
"""Tasks that the forest of all tasks shows."""


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


def shown_tasks(material: Material, most: int = MAX_PANELS) -> list[str]:
    """All tasks in the experiment's order, or the `most` with the largest mean difference."""
    tasks = material.data.tasks
    if len(tasks) <= most:
        return tasks
    sizes: dict[str, list[float]] = {}
    for item in material.primary:
        # Tasks without a pair come last, behind those whose differences are 0.
        if item.mean_difference is not None:
            sizes.setdefault(item.task, []).append(item.mean_difference)
    means = {task: abs(float(np.mean(values))) for task, values in sizes.items()}
    chosen = set(sorted(tasks, key=lambda task: -means.get(task, -1.0))[:most])
    return [task for task in tasks if task in chosen]


def shown_text(material: Material, most: int = MAX_PANELS) -> str:
    """The sentence of a caption that says which tasks are drawn."""
    count = len(material.data.tasks)
    if count <= most:
        return ""
    return f" Drawn: the {most} of {count} tasks with the largest mean difference."


def pairs(material: Material, tasks: list[str]) -> pd.DataFrame:
    """Scores per seed of the primary comparisons on some tasks, in the shown unit."""
    metric = material.data.experiment.report.metric
    factor, wanted, parts = unit_of(metric).factor, set(tasks), []
    for item in material.primary:
        if item.task not in wanted or not item.n:
            continue
        pair = material.data.scores.of_comparison(
            item.task, item.learner, item.candidate, item.baseline, item.policy, metric
        )
        d = stats.differences(pair.candidate, pair.baseline)
        order = np.argsort(pair.candidate - pair.baseline, kind="stable")
        parts.append(
            pd.DataFrame(
                {
                    "task": item.task,
                    "candidate": item.candidate,
                    "baseline": item.baseline,
                    "seed": pair.seeds[order],
                    "candidate_score": pair.candidate[order] * factor,
                    "baseline_score": pair.baseline[order] * factor,
                    "difference": d * factor,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def forest(material: Material) -> Picture | None:
    """The forest at the head of the page: as many tasks as fit beside the grid."""
    candidates = max(len(material.data.candidates), 1)
    return _forest(material, "forest", max(MAX_HEAD_INTERVALS // candidates, 1))


def _forest(material: Material, name: str, most: int) -> Picture | None:
    frame = intervals(material)
    if frame.empty:
        return None
    report, unit = material.data.experiment.report, unit_of(material.data.experiment.report.metric)
    label = f"difference in {report.metric.replace('_', ' ')} ({unit.difference})"
    wide = frame[frame["task"].isin(shown_tasks(material, most))]
    return Picture(
        name,
        partial(figures.forest, wide, material.style, report.rope * unit.factor, label),
        f"Mean paired difference with its {100 * (1 - report.alpha):g} % t interval (not "
        f"corrected), {material.policy}, n = {counted(int(frame['n'].max()), 'seed')}, in "
        f"{unit.difference}; {material.better()}. Grey: ROPE, "
        f"{PLUS_MINUS}{unit.value(report.rope)}. Filled: better or worse "
        f"({material.correction()}). Tasks by mean effect.{shown_text(material, most)}",
        title="Differences with intervals",
        is_wide=False,
    )


def differences(material: Material) -> Section | None:
    """Every paired difference and slopes per seed, and the forest of all tasks if it was cut."""
    frame = intervals(material)
    if frame.empty:
        return None
    data, report = material.data, material.data.experiment.report
    unit = unit_of(report.metric)
    label = f"difference in {report.metric.replace('_', ' ')} ({unit.difference})"
    rope, drawn = report.rope * unit.factor, material.style
    level, n = f"{100 * (1 - report.alpha):g} %", counted(int(frame["n"].max()), "seed")
    tasks = shown_tasks(material)
    points = pairs(material, tasks)
    few = frame[frame["task"].isin(tasks)]
    paired = Picture(
        "paired_differences",
        partial(figures.paired_differences, points, few, drawn, rope, label),
        f"Every paired difference, {material.policy}: one point per seed, black the mean with its "
        f"{level} t interval. n = {n}; unit: {unit.difference}; {material.better()}. Grey: ROPE, "
        f"{PLUS_MINUS}{unit.value(report.rope)}. Arrows at the edge: values beyond the axis, as of "
        f"diverged runs.{shown_text(material)}",
    )
    names = listed(list(dict.fromkeys(frame["baseline"])))
    text = [f"{listed(list(data.candidates))} against {names}, seed by seed."]
    pictures = [paired, *_slopes(material, points, unit.axis, n)]
    if len(data.tasks) * len(data.candidates) > MAX_HEAD_INTERVALS:
        whole = _forest(material, "forest_all", MAX_FOREST_TASKS)
        pictures = [*([whole] if whole else []), *pictures]
    return Section(
        "differences", "Differences by seed", text, pictures=pictures, is_folded=True,
        about="every paired difference, and a slope per seed",
    )  # fmt: skip


def _slopes(material: Material, points: pd.DataFrame, axis: str, n: str) -> list[Picture]:
    """Slopes against the first baseline, for at most a dozen comparisons."""
    report = material.data.experiment.report
    own = points[points["baseline"] == points["baseline"].iloc[0]]
    groups = own[["task", "candidate"]].drop_duplicates()
    kept = groups.iloc[:MAX_PANELS]
    own = own.merge(kept, on=["task", "candidate"])
    cut = "" if len(kept) == len(groups) else f" The first {len(kept)} of {len(groups)} pairs."
    metric = report.metric.replace("_", " ")
    good = "up" if report.direction == "maximise" else "down"
    draw = partial(comparison_figures.slopes, own, material.style, figures.value_axis(metric, axis))
    caption = (
        f"One line per paired seed, from the baseline's test {metric} to the candidate's, tuned "
        f"rate, in {axis}; n = {n}. Blue: the candidate is higher; orange, dashed: lower; black: "
        f"mean. {good.capitalize()} is better. No test, no bars.{cut}"
    )
    return [Picture("slopes", draw, caption)]


def all_pairs(material: Material) -> Section | None:
    """Every loss against every other: Friedman over seeds, then sign-flip tests, per task."""
    data, report = material.data, material.data.experiment.report
    unit, sign = unit_of(report.metric), rules_of(data).sign
    matrices = data.scores.matrix(data.policy)
    entries, lines, n = [], [], 0
    for task in shown_tasks(material, MAX_MATRICES):
        p = material.separation.get(task)
        if p is None or len(p) < 3:
            continue
        values = matrices[task][list(p)]
        n = max(n, len(values))
        names = (sign * values.mean()).sort_values(ascending=False, kind="stable").index
        means = values[names].mean().to_numpy() * unit.factor
        d = pd.DataFrame(means[:, None] - means[None, :], index=names, columns=names)
        entries.append((task, d, p.loc[names, names]))
        test = ranks.friedman(sign * values.to_numpy())
        lines.append(f"{task}: F = {test.f:.1f}, p {p_text(test.p_f)}")
    if not entries:
        return None
    most = max(len(p) for _, _, p in entries)
    pairs_of = most * (most - 1) // 2
    few = shortfall(n, pairs_of, report.alpha, "paired seeds", "pairs of losses", "more seeds")
    caption = (
        f"Mean {report.metric.replace('_', ' ')} of the row's loss minus that of the column's, in "
        f"{unit.difference}, {material.policy}, n = {n} paired seeds; losses in the order of "
        f"their mean, {'blue' if sign > 0 else 'red'} favours the row's. A dot: not separated "
        "(sign-flip test, p at or above the level after Holm over all pairs of the task, the same "
        f"tests as in the bold of Scores).{f' {sentence(few)}' if few else ''}"
        f"{shown_text(material, MAX_MATRICES)}"
    )
    picture = Picture(
        "all_pairs",
        partial(
            comparison_figures.pair_matrices, entries, f"difference ({unit.difference})",
            report.alpha,
        ),
        caption,
    )  # fmt: skip
    text = [
        "All losses of a task with the seed as block, exploratory. Iman-Davenport F of Friedman's "
        f"test: {'; '.join(lines)}."
    ]
    return Section(
        "pairs", "All pairs", text, pictures=[picture], is_folded=True,
        about=f"every loss against every other on {counted(len(entries), 'task')}",
    )  # fmt: skip


def power(material: Material) -> Section | None:
    """What the primary family could have found, and whether its differences look normal."""
    report = material.data.experiment.report
    unit = unit_of(report.metric)
    tasks = shown_tasks(material)
    d: dict[str, Vector] = {}
    for item in material.primary:
        if item.task in tasks and item.n >= 3 and item.baseline == report.baselines[0]:
            pair = material.data.scores.of_comparison(
                item.task,
                item.learner,
                item.candidate,
                item.baseline,
                item.policy,
                report.metric,
            )
            name = f"{item.task}, {item.candidate}"
            d[name] = stats.differences(pair.candidate, pair.baseline) * unit.factor
    if not d:
        return None
    alpha = report.alpha / max(len(material.primary), 1)
    n = max(values.size for values in d.values())
    draw = partial(
        comparison_figures.power_and_shape,
        d,
        n,
        report.rope * unit.factor,
        alpha,
        f"difference ({unit.difference})",
    )
    caption = (
        f"Left: power of the two-sided paired t test at level {alpha:.2g} (the strictest of Holm's "
        f"procedure over {counted(len(material.primary), 'primary comparison')}) by the true "
        f"difference, from the spread of each comparison's n = {n} differences; dotted: 80 %; "
        "dashed: ROPE. Right: quantiles of the standardised differences against the normal "
        "distribution; no verdict depends on it. No bars; direction does not matter here."
        f"{shown_text(material)}"
    )
    return Section(
        "power", "Power", pictures=[Picture("power", draw, caption)], is_folded=True,
        about="what the primary comparisons could have found, and the shape of their differences",
    )  # fmt: skip
