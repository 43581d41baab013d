"""Descriptions beside the comparisons: scores per task, and all tasks together."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from reports import stats
from reports.data.model import ReportData, rules_of
from reports.stats import aggregate, ranks
from reports.stats.types import Vector
from reports.verdicts.gate import MIN_SEEDS

MIN_POOLED_TASKS = 3
"""Tasks from which a random-effects model over tasks is worth showing."""

MAX_RESAMPLED_RUNS = 5_000_000
"""Runs drawn in all bootstrap resamples; the number of resamples follows."""


def score_table(
    data: ReportData, policy: str, separation: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """Mean and SD of the declared metric per task and loss under one policy.

    separation: as from `separations`. Columns task, loss, n, mean, sd, diverged, top. `top` marks
    every loss that is not separated from the task's best; none on a task without tests.
    """
    records = []
    wide = data.scores.matrix(policy)
    failed = (data.rows["policy"] == policy) & (data.rows["status"] == "diverged")
    diverged = data.rows[failed].groupby(["task", "loss"]).size().to_dict()
    for task, scores in wide.items():
        top = _not_separated(data, scores, separation.get(task))
        for loss in scores.columns:
            values = scores[loss].dropna()
            if len(values):
                records.append(
                    {
                        "task": task,
                        "loss": loss,
                        "n": len(values),
                        "mean": float(values.mean()),
                        "sd": float(values.std()) if len(values) > 1 else float("nan"),
                        "diverged": int(diverged.get((task, loss), 0)),
                        "top": loss in top,
                    }
                )
    return pd.DataFrame(records, columns=["task", "loss", "n", "mean", "sd", "diverged", "top"])


def separations(data: ReportData, policy: str) -> dict[str, pd.DataFrame]:
    """Per task the Holm p of all pairs of losses that have every seed: sign-flip tests.

    Tasks with fewer than six seeds or two such losses are left out. The bold scores and the dots
    of the figure of all pairs both come from here.
    """
    found = {}
    for task, scores in data.scores.matrix(policy).items():
        complete = scores.dropna(axis="columns", how="any")
        if len(complete) >= MIN_SEEDS and complete.shape[1] > 1:
            names = [str(loss) for loss in complete]
            p = ranks.sign_flip_pairs(complete.to_numpy())
            found[task] = pd.DataFrame(p, index=names, columns=names)
    return found


def _not_separated(data: ReportData, scores: pd.DataFrame, p: pd.DataFrame | None) -> set[str]:
    """The best loss and those that are not separated from it; none where nothing was tested."""
    if p is None:
        return set()
    best = str((rules_of(data).sign * scores[list(p)].mean()).idxmax())
    return {best, *p.index[p[best] >= rules_of(data).alpha]}


class Across(NamedTuple):
    """Losses over all tasks: one row per loss in `table`, in the order of their mean rank.

    Columns loss, mean_rank, iqm, iqm_low, iqm_high and for each baseline b: difference_b (of
    IQMs), improvement_b (probability) and, from three tasks, pooled_b (random effects over
    tasks), each with _low and _high. `planned` counts the tasks, `tasks` those on which every
    loss has every run. `scores` (tasks, seeds, losses) are oriented: higher is better; `losses`
    names its last axis, `names` its first.
    """

    table: pd.DataFrame
    tasks: int
    planned: int
    seeds: int
    friedman: ranks.Friedman | None
    critical_difference: float | None
    losses: tuple[str, ...]
    names: tuple[str, ...]
    scores: Vector
    weights: aggregate.Weights


def across_tasks(data: ReportData) -> Across | None:
    """Summary over the tasks on which every loss has all seeds; None below two tasks."""
    rules, report = rules_of(data), data.experiment.report
    wanted = set(data.losses)
    complete = {
        task: scores
        for task, scores in data.scores.matrix(data.policy).items()
        if set(scores) == wanted and not scores.isna().any(axis=None)
    }
    sizes = {len(scores) for scores in complete.values()}
    if len(complete) < 2 or len(sizes) != 1 or min(sizes) < 2:
        return None
    losses = [loss for loss in data.losses if loss in next(iter(complete.values()))]
    cube = np.stack([rules.sign * scores[losses].to_numpy(float) for scores in complete.values()])
    tasks, seeds, _ = cube.shape
    means = cube.mean(axis=1)
    count = int(min(2000, max(200, MAX_RESAMPLED_RUNS // (tasks * seeds))))
    weights = aggregate.resamples(tasks, seeds, count=count)
    table = pd.DataFrame({"loss": losses, "mean_rank": ranks.mean_ranks(np.round(means, 7))})
    confidence = 1 - rules.alpha
    iqms = [aggregate.iqm(cube[:, :, k]) for k in range(len(losses))]
    draws = [aggregate.iqm_draws(cube[:, :, k], weights) for k in range(len(losses))]
    intervals = [
        aggregate.percentile_interval(iqm, own, confidence=confidence)
        for iqm, own in zip(iqms, draws, strict=True)
    ]
    table[["iqm", "iqm_low", "iqm_high"]] = [
        _unsigned(interval, rules.sign) for interval in intervals
    ]
    for baseline in [name for name in report.baselines if name in losses]:
        b = losses.index(baseline)
        for k in [k for k in range(len(losses)) if k != b]:
            pair = cube[:, :, k], cube[:, :, b]
            difference = aggregate.percentile_interval(
                iqms[k] - iqms[b], draws[k] - draws[b], confidence=confidence
            )
            summaries = {"difference": _unsigned(difference, rules.sign)}
            if tasks >= MIN_POOLED_TASKS:
                gains = pair[0] - pair[1]
                pooled = aggregate.random_effects(
                    gains.mean(axis=1), gains.var(axis=1, ddof=1) / seeds, confidence=confidence
                )
                summaries["pooled"] = _unsigned(pooled, rules.sign)
            chance = aggregate.improvement_interval(*pair, weights, confidence=confidence)
            summaries["improvement"] = (chance.estimate, chance.low, chance.high)
            for name, values in summaries.items():
                columns = [f"{name}_{baseline}{end}" for end in ("", "_low", "_high")]
                table.loc[k, columns] = values
    enough = tasks > 10 and len(losses) > 2
    return Across(
        table=table.sort_values(["mean_rank", "loss"], ignore_index=True),
        tasks=tasks,
        planned=len(data.tasks),
        seeds=seeds,
        friedman=ranks.friedman(means) if enough else None,
        critical_difference=(
            ranks.critical_difference(len(losses), tasks, alpha=rules.alpha) if enough else None
        ),
        losses=tuple(losses),
        names=tuple(complete),
        scores=cube,
        weights=weights,
    )


def _unsigned(interval: stats.Interval, sign: float) -> tuple[float, float, float]:
    """An interval of oriented scores, in the metric's own orientation."""
    low, high = sorted((sign * interval.low, sign * interval.high))
    return sign * interval.estimate, low, high
