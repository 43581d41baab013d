"""Sections of wider scope: all tasks together, new tasks, the method."""

from functools import partial

import numpy as np
import pandas as pd

from reports.benchmark import tables
from reports.benchmark.across import MIN_POOLED_TASKS, Across
from reports.benchmark.material import Material
from reports.data.model import rules_of
from reports.figures import aggregate as aggregate_figures
from reports.page.model import Picture, Section
from reports.page.wording import PLUS_MINUS, counted, p_text, unit_of
from reports.stats import aggregate, bayes, ranks
from reports.verdicts.gate import MIN_TASKS
from reports.verdicts.kinds import is_decided, tone_of
from reports.verdicts.prospects import MIN_RUNS

MIN_TASKS_FOR_RANKS = 11
"""Tasks from which ranks are compared and posteriors shown."""


def across(material: Material) -> Section | None:
    """Mean ranks, interquartile means and chances over all tasks; None below two tasks."""
    summary = material.across
    if summary is None:
        return None
    report = material.data.experiment.report
    unit = unit_of(report.metric)
    pooled = (
        "Pooled: mean difference in a random-effects model over tasks, which speaks of tasks like "
        "these, with its t interval. "
        if summary.tasks >= MIN_POOLED_TASKS
        else ""
    )
    caption = (
        f"{summary.tasks} tasks, {summary.seeds} seeds, {material.policy}. Mean rank of the task "
        "means (1 "
        f"is best). IQM: interquartile mean over all runs, with a {100 * (1 - report.alpha):g} % "
        "bootstrap interval stratified by task and paired by seed "
        f"({len(summary.weights):,} resamples), not corrected. "
        f"{pooled}P(beats): chance that a run of the loss beats one of the baseline on the same "
        "task, with its bootstrap interval."
    )
    text = ["Mean ranks, IQMs and chances speak of these tasks alone."]
    if summary.tasks < summary.planned:
        text.append("Tasks on which a loss lacks a run are left out here.")
    if pooled and summary.tasks < MIN_TASKS:
        text.append(f"With {summary.tasks} tasks the pooled differences are weak.")
    baselines = [name for name in report.baselines if f"improvement_{name}" in summary.table]
    table = tables.across(summary, baselines, unit, caption)
    pictures = [_aggregates(material, summary, baselines), _profiles(material, summary)]
    return Section(
        "across", "All tasks together", text, [table], pictures, is_folded=True,
        about=f"mean ranks, interquartile means and chances over {summary.tasks} tasks",
    )  # fmt: skip


def _aggregates(material: Material, summary: Across, baselines: list[str]) -> Picture:
    report = material.data.experiment.report
    unit = unit_of(report.metric)
    good = "higher" if rules_of(material.data).sign > 0 else "lower"
    return Picture(
        "aggregates",
        partial(
            aggregate_figures.aggregates,
            summary.table,
            baselines,
            material.style,
            unit.factor,
            f"{report.metric} ({unit.axis})",
        ),
        f"Left: interquartile mean over {summary.tasks} tasks x {summary.seeds} seeds, {good} is "
        "better. Others: probability that a run beats one of the baseline on the same task, half "
        f"for ties; above 1/2 favours the loss. Bars: {100 * (1 - report.alpha):g} % bootstrap "
        "intervals, stratified by task, paired by seed, not corrected. Losses by mean rank.",
    )


def _profiles(material: Material, summary: Across) -> Picture:
    report = material.data.experiment.report
    unit, sign = unit_of(report.metric), rules_of(material.data).sign
    low, high = np.quantile(summary.scores, (0.002, 1.0))
    thresholds = np.linspace(float(low), float(high), 81)
    wanted = [*report.baselines, *material.data.candidates]
    lines = {
        loss: aggregate.profile(summary.scores[:, :, k], thresholds, summary.weights)
        for k, loss in enumerate(summary.losses)
        if loss in wanted
    }
    shown = sign * thresholds * unit.factor
    verb = "above" if sign > 0 else "below"
    return Picture(
        "profiles",
        partial(
            aggregate_figures.profiles,
            shown,
            lines,
            material.style,
            f"{report.metric.replace('_', ' ')} ({unit.axis})",
        ),
        f"Performance profiles: share of runs over {summary.tasks} tasks x {summary.seeds} seeds "
        f"{verb} each {report.metric.replace('_', ' ')}, {material.policy}; higher is better. "
        "Bands: "
        "pointwise 95 % bootstrap intervals, stratified by task, not corrected.",
    )


def new_tasks(material: Material) -> Section | None:
    """The task as the unit: Wilcoxon on task means, and from 11 tasks ranks and posteriors."""
    items = [item for item in material.new_tasks if item.n]
    if not items:
        return None
    report = material.data.experiment.report
    unit, n = unit_of(report.metric), max(item.n for item in items)
    enough = n >= MIN_TASKS
    text = [
        f"A claim about new tasks takes the task, mean over its seeds, as the unit: n = "
        f"{counted(n, 'task')}."
        + (
            ""
            if enough
            else f" It needs at least {MIN_TASKS}; with fewer the differences are descriptive."
        ),
        "Tasks were chosen by hand, not drawn at random: the claim reaches as far as they are "
        "typical.",
    ]
    table = tables.comparisons(
        items,
        "new_tasks",
        "New tasks: differences of task means",
        f"Candidate minus baseline, n = {counted(n, 'task')}, {material.policy}; "
        f"{material.better()}. "
        "Interval: t over tasks, not corrected. p: exact Wilcoxon signed-rank test over tasks; "
        f"Holm over {counted(len(items), 'comparison')}. ROPE "
        f"{PLUS_MINUS}{unit.value(report.rope)} {unit.difference}.",
        report.alpha,
    )
    pictures = []
    summary = material.across
    if summary and summary.tasks >= MIN_TASKS_FOR_RANKS:
        pictures = [*_ranking(material, summary), _posteriors(material, summary)]
    won = sum(tone_of(item.verdict) == "favourable" for item in items)
    told = f"better in {won} of {len(items)} comparisons" if enough else "descriptive"
    return Section(
        "new_tasks", "New tasks", text, [table], pictures, is_folded=True,
        about=f"the task as the unit, n = {n}: {told}",
    )  # fmt: skip


def _ranking(material: Material, summary: Across) -> list[Picture]:
    if summary.friedman is None or summary.critical_difference is None:
        return []
    means = summary.scores.mean(axis=1)
    names = list(summary.losses)
    mean_rank = dict(zip(names, ranks.mean_ranks(np.round(means, 7)).tolist(), strict=True))
    p = pd.DataFrame(ranks.nemenyi(means), index=names, columns=names)
    caption = (
        f"Mean ranks of the task means over n = {summary.tasks} tasks, 1 is best; bars join losses "
        f"that Nemenyi's test does not separate at .05 (critical difference "
        f"{summary.critical_difference:.2f}; it corrects for all pairs). Iman-Davenport F = "
        f"{summary.friedman.f:.2f}, p {p_text(summary.friedman.p_f)}."
    )
    draw = partial(
        aggregate_figures.critical_difference,
        mean_rank,
        p,
        summary.critical_difference,
        material.style,
    )
    return [Picture("critical_difference", draw, caption)]


def _posteriors(material: Material, summary: Across) -> Picture:
    report, names = material.data.experiment.report, list(summary.losses)
    means = summary.scores.mean(axis=1)
    posteriors = {
        f"{candidate} - {baseline}": bayes.signed_rank(
            means[:, names.index(candidate)],
            means[:, names.index(baseline)],
            report.rope,
            rng=np.random.default_rng(0),
        )
        for candidate in material.data.candidates
        for baseline in report.baselines
        if candidate in names and baseline in names
    }
    shown = dict(list(posteriors.items())[:12])
    unit = unit_of(report.metric)
    return Picture(
        "posteriors",
        partial(aggregate_figures.simplex, shown),
        f"Bayesian signed-rank test over n = {summary.tasks} tasks: posterior draws of the chances "
        "that on a new task the candidate is better, equivalent "
        f"(ROPE {PLUS_MINUS}{unit.value(report.rope)} {unit.difference}) or worse than the "
        "baseline; the numbers are the shares of draws in each third. Secondary, no correction."
        + ("" if len(shown) == len(posteriors) else f" The first {len(shown)} pairs."),
    )


def method(material: Material) -> Section | None:
    """What the evolution runs say about the method; None without a claim."""
    if not material.claims:
        return None
    runs = len(material.data.evolved)
    unit = unit_of(material.data.experiment.report.metric)
    enough = runs >= MIN_RUNS
    text = (
        f"Here both the evolution run and the test seed are drawn: "
        f"{counted(runs, 'independent run')}. All runs meet the same baseline on the same seeds, "
        "so that a test over runs alone would take the baseline's bad luck for a gain. "
    ) + (
        "p: the larger of a two-sided sign-flip test over runs and of the crossed t test; Holm "
        "over all rows."
        if enough
        else f"With fewer than {MIN_RUNS} runs this table is descriptive: no test of the "
        f"method could reach p = .05 (its floor is {min(1.0, 2.0 ** (1 - runs)):.3g})."
    )
    caption = (
        f"Mean gain of each run over the baseline, {material.policy}, in {unit.difference} (mean "
        "over "
        f"test seeds), then the mean over n = {runs} runs with its t interval for crossed runs "
        "and seeds (quasi-F, Satterthwaite)."
    )
    shown = sum(is_decided(claim.verdict) for claim in material.claims)
    told = f"shown in {shown} of {len(material.claims)} pairs" if enough else "descriptive"
    return Section(
        "method", "The method", [text], [tables.method(material.claims, unit, caption)],
        is_folded=True, about=f"over {counted(runs, 'independent evolution run')}: {told}",
    )  # fmt: skip
