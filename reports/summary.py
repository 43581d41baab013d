"""Descriptions beside the comparisons: scores, claims about the method, results across tasks."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from reports import stats
from reports.compare import finite, rules_of
from reports.load import USABLE, ReportData
from reports.stats import aggregate, ranks
from reports.verdict import FEWEST_SEEDS

FEWEST_RUNS = 6
"""Independent evolution runs that a claim about the method needs."""

FEWEST_TASKS = 6
"""Tasks that a test across tasks needs; with fewer the summary is descriptive."""


FEWEST_POOLED = 3
"""Tasks from which a random-effects model over tasks is worth showing."""


class MethodClaim(NamedTuple):
    """Mean gain over a baseline of independent evolution runs on one task; p only from six runs."""

    task: str
    baseline: str
    gains: dict[str, float]
    mean: float
    ci_low: float | None
    ci_high: float | None
    p: float | None
    p_holm: float | None


def score_table(data: ReportData, policy: str) -> pd.DataFrame:
    """Mean and SD of the declared metric per task and loss under one policy.

    Columns task, loss, n, mean, sd, diverged, top. `top` marks every loss that is not separated
    from the task's best: paired sign-flip tests against the best, Holm over the task's losses.
    """
    records = []
    wide = matrix(data, policy)
    usable = data.rows[(data.rows["lr_policy"] == policy) & data.rows["status"].isin(USABLE)]
    diverged = usable[usable["status"] == "diverged"].groupby(["task", "loss"]).size()
    for task, scores in wide.items():
        top = _not_separated(data, scores)
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


def matrix(data: ReportData, policy: str) -> dict[str, pd.DataFrame]:
    """Per task, the declared metric as a frame (seeds, losses), NaN where a run is missing."""
    rows = data.rows[(data.rows["lr_policy"] == policy) & data.rows["status"].isin(USABLE)]
    order = [loss for loss in data.experiment.losses() if loss in set(rows["loss"])]
    metric = data.experiment.report.metric
    found = {}
    for task, group in rows.groupby("task", sort=False):
        wide = group.pivot_table(index="seed", columns="loss", values=metric, aggfunc="first")
        found[str(task)] = wide.reindex(columns=order)
    return found


def _not_separated(data: ReportData, scores: pd.DataFrame) -> set[str]:
    """Losses that their paired tests do not separate from the best; empty below six seeds."""
    complete = scores.dropna(axis="columns", how="any")
    if len(complete) < FEWEST_SEEDS or complete.shape[1] == 0:
        return set()
    rules = rules_of(data)
    best = str((rules.sign * complete.mean()).idxmax())
    others = [str(loss) for loss in complete.columns if loss != best]
    p = [stats.sign_flip(stats.differences(complete[best], complete[loss])).p for loss in others]
    adjusted = stats.holm(p)
    return {best} | {
        loss for loss, value in zip(others, adjusted, strict=True) if value >= rules.alpha
    }


def method_claims(data: ReportData) -> list[MethodClaim]:
    """What the evolution runs of the experiment say about the method, per task and baseline."""
    rules, report = rules_of(data), data.experiment.report
    runs = data.experiment.evolved_losses()
    claims: list[MethodClaim] = []
    for task, scores in matrix(data, "tuned").items():
        for baseline in report.baselines:
            if baseline not in scores:
                continue
            found = {
                run: (scores[run] - scores[baseline]).dropna() for run in runs if run in scores
            }
            gains = {run: float(gain.mean()) for run, gain in found.items() if len(gain)}
            if not gains:
                continue
            values = np.array(list(gains.values()))
            interval = stats.mean_interval(values, confidence=1 - rules.alpha)
            enough = len(values) >= FEWEST_RUNS
            claims.append(
                MethodClaim(
                    task=task,
                    baseline=baseline,
                    gains=gains,
                    mean=interval.estimate,
                    ci_low=finite(interval.low),
                    ci_high=finite(interval.high),
                    p=stats.sign_flip(stats.differences(values, 0 * values)).p if enough else None,
                    p_holm=None,
                )
            )
    tested = [claim.p for claim in claims if claim.p is not None]
    adjusted = iter(stats.holm(tested).tolist())
    return [claim if claim.p is None else claim._replace(p_holm=next(adjusted)) for claim in claims]


class Across(NamedTuple):
    """Losses over all tasks: one row per loss in `table`, in the order of their mean rank.

    Columns loss, mean_rank, iqm, iqm_low, iqm_high and for each baseline b: difference_b (of
    IQMs) and, from three tasks, pooled_b (random effects over tasks), both with _low and _high;
    improvement_b (probability); from six tasks, p_holm_b (Wilcoxon over task means). `planned`
    counts the tasks, `tasks` those on which every loss has every run.
    """

    table: pd.DataFrame
    tasks: int
    planned: int
    seeds: int
    friedman: ranks.Friedman | None
    critical_difference: float | None


def across_tasks(data: ReportData) -> Across | None:
    """Summary over the tasks on which every loss has all seeds; None below two tasks."""
    rules, report = rules_of(data), data.experiment.report
    complete = [
        scores for scores in matrix(data, "tuned").values() if not scores.isna().any(axis=None)
    ]
    sizes = {len(scores) for scores in complete}
    if len(complete) < 2 or len(sizes) != 1 or min(sizes) < 2:
        return None
    losses = [str(loss) for loss in complete[0].columns]
    cube = np.stack([rules.sign * scores.to_numpy(dtype=float) for scores in complete])
    tasks, seeds, _ = cube.shape
    means = cube.mean(axis=1)
    indices = aggregate.resamples(tasks, seeds)
    table = pd.DataFrame({"loss": losses, "mean_rank": ranks.mean_ranks(np.round(means, 10))})
    intervals = [aggregate.iqm_interval(cube[:, :, k], indices) for k in range(len(losses))]
    table[["iqm", "iqm_low", "iqm_high"]] = [
        _unsigned(interval, rules.sign) for interval in intervals
    ]
    for baseline in report.baselines:
        if baseline not in losses:
            continue
        b = losses.index(baseline)
        others = [k for k in range(len(losses)) if k != b]
        for k in others:
            gains = cube[:, :, k] - cube[:, :, b]
            found = {"difference": aggregate.iqm_difference(cube[:, :, k], cube[:, :, b], indices)}
            if tasks >= FEWEST_POOLED:
                found["pooled"] = aggregate.random_effects(
                    gains.mean(axis=1),
                    gains.var(axis=1, ddof=1) / seeds,
                    confidence=1 - rules.alpha,
                )
            for name, interval in found.items():
                columns = [f"{name}_{baseline}{end}" for end in ("", "_low", "_high")]
                table.loc[k, columns] = _unsigned(interval, rules.sign)
            table.loc[k, f"improvement_{baseline}"] = aggregate.improvement(
                cube[:, :, k].T, cube[:, :, b].T
            )
        if tasks >= FEWEST_TASKS:
            p = [stats.wilcoxon(stats.differences(means[:, k], means[:, b])).p for k in others]
            table.loc[others, f"p_holm_{baseline}"] = stats.holm(p)
    enough = tasks > 10 and len(losses) > 2
    return Across(
        table=table.sort_values(["mean_rank", "loss"], ignore_index=True),
        tasks=tasks,
        planned=len(set(data.rows["task"]) | set(data.missing["task"])),
        seeds=seeds,
        friedman=ranks.friedman(means) if enough else None,
        critical_difference=(
            ranks.critical_difference(len(losses), tasks, alpha=rules.alpha) if enough else None
        ),
    )


def _unsigned(interval: stats.Interval, sign: float) -> tuple[float, float, float]:
    """An interval of oriented scores, in the metric's own orientation."""
    low, high = sorted((sign * interval.low, sign * interval.high))
    return sign * interval.estimate, low, high
