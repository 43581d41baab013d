"""Which losses are compared, in which families, and what comes of it.

The primary family is every candidate against every declared baseline on every task, under the
tuned policy and in the declared metric; it is corrected by itself. Everything else is secondary:
one family per policy, metric and group of baselines.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from reports import stats, verdict
from reports.load import USABLE, ReportData
from reports.verdict import Numbers, Rules, Verdict
from reports.wording import is_accuracy, unit_of


@dataclass(frozen=True)
class Comparison:
    """One candidate against one baseline; differences are candidate minus baseline.

    Differences and limits are in the metric's own units. A refused comparison has no p-value;
    its numbers, where there are any, describe the pairs that exist.
    """

    family: str
    family_name: str
    family_size: int
    task: str
    learner: str
    candidate: str
    baseline: str
    metric: str
    lr_policy: str
    n: int
    mean_difference: float | None
    ci_low: float | None
    ci_high: float | None
    p: float | None
    p_holm: float | None
    dz: float | None
    p_better: float | None
    verdict: Verdict
    reason: str
    sentence: str
    wins: int | None
    ties: int | None
    sd_difference: float | None
    rank_biserial: float | None
    median_difference: float | None
    p_wilcoxon: float | None
    p_equivalence: float | None
    bca_low: float | None
    bca_high: float | None
    detectable_difference: float | None
    seeds_for_rope: int | None
    diverged_candidate: int
    diverged_baseline: int

    def as_json(self) -> dict[str, Any]:
        """The fields by name, in their order; they hold no NaN and no infinity."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


class Pairing(NamedTuple):
    """What is to be compared: `metric` under `policy` on one task."""

    task: str
    learner: str
    candidate: str
    baseline: str
    metric: str
    policy: str


class Family(NamedTuple):
    """Comparisons that are corrected together."""

    kind: str
    name: str
    pairings: list[Pairing]


def rules_of(data: ReportData) -> Rules:
    """The rules that the experiment declared."""
    report = data.experiment.report
    return Rules(report.direction, report.rope, report.alpha)


def families(data: ReportData) -> list[Family]:
    """All families of an experiment, the primary one first.

    Metrics in another unit than the declared one have neither a ROPE nor a worst score, and are
    therefore described but not tested. Metrics other than the declared one are compared under
    the tuned policy only.
    """
    report, losses = data.experiment.report, data.experiment.losses()
    declared = [name for name in report.baselines if name in losses]
    others = [name for name in losses if name not in declared and name not in data.candidates]
    policies = [name for name in ("tuned", "common") if name in set(data.rows["lr_policy"])]
    learners = list(dict.fromkeys(data.rows["learner"]))
    tasks = list(dict.fromkeys([*data.rows["task"], *data.missing["task"]]))
    found = []
    for metric in [name for name in data.metrics if comparable(name, report.metric)]:
        for policy in policies if metric == report.metric else ("tuned",):
            for group, baselines in (("declared baselines", declared), ("other losses", others)):
                pairings = [
                    Pairing(task, learner, candidate, baseline, metric, policy)
                    for task in tasks
                    for learner in learners
                    for candidate in data.candidates
                    for baseline in baselines
                ]
                primary = (metric, policy, group) == (
                    report.metric,
                    "tuned",
                    "declared baselines",
                )
                kind = "primary" if primary else "secondary"
                if pairings:
                    found.append(Family(kind, f"{metric}, {policy} rate, {group}", pairings))
    return sorted(found, key=lambda family: family.kind != "primary")


def comparable(metric: str, declared: str) -> bool:
    """Whether a metric has the unit of the declared one, so that its ROPE applies."""
    return metric == declared or (is_accuracy(metric) and is_accuracy(declared))


def compare(data: ReportData) -> list[Comparison]:
    """Every comparison of every family, corrected within its family."""
    rules = rules_of(data)
    inputs = _Inputs(data)
    found: list[Comparison] = []
    for family in families(data):
        judged = [_measured(inputs, pairing, rules) for pairing in family.pairings]
        # A refused comparison keeps its place in the family: it counts with p = 1.
        p = [1.0 if reasons or not numbers else numbers.p for numbers, reasons in judged]
        found.extend(
            _comparison(inputs, family, pairing, numbers, reasons, float(p_holm), rules)
            for pairing, (numbers, reasons), p_holm in zip(
                family.pairings, judged, stats.holm(p), strict=True
            )
        )
    return found


class _Inputs:
    """Scores, tuning budgets and diverged runs, looked up many times."""

    def __init__(self, data: ReportData) -> None:
        rows, report = data.rows, data.experiment.report
        benchmark = data.experiment.benchmark
        self.planned = benchmark.seeds if benchmark else 0
        keys = ["task", "learner", "loss", "lr_policy"]
        self._diverged = rows[rows["status"] == "diverged"].groupby(keys).size().to_dict()
        self._budgets = {
            (row["task"], row["learner"], row["loss"]): int(row["configurations"] * row["seeds"])
            for row in data.choices.to_dict("records")
        }
        self._scores: dict[tuple[Any, ...], pd.Series] = {}
        usable = rows[rows["status"].isin(USABLE)]
        metrics = [name for name in data.metrics if comparable(name, report.metric)]
        for key, group in usable.groupby(keys, sort=False):
            by_seed = group.set_index("seed").sort_index()
            diverged = by_seed["status"] == "diverged"
            for metric in metrics:
                series = by_seed[metric].mask(diverged, report.worst)
                self._scores[(*_tuple(key), metric)] = series.dropna()

    def scores(self, pairing: Pairing, loss: str) -> "pd.Series":
        """Scores by seed, sorted; a diverged run has the declared worst one."""
        key = (pairing.task, pairing.learner, loss, pairing.policy, pairing.metric)
        return self._scores.get(key, pd.Series(dtype=float))

    def budget(self, pairing: Pairing, loss: str) -> int | None:
        """Runs that tuning spent on a loss: configurations times seeds; None if not tuned."""
        return self._budgets.get((pairing.task, pairing.learner, loss))

    def diverged(self, pairing: Pairing, loss: str) -> int:
        """Diverged runs of a loss."""
        key = (pairing.task, pairing.learner, loss, pairing.policy)
        return int(self._diverged.get(key, 0))


def _tuple(key: Any) -> tuple[Any, ...]:
    return tuple(key)


def _measured(
    inputs: _Inputs, pairing: Pairing, rules: Rules
) -> tuple[Numbers | None, tuple[str, ...]]:
    candidate, baseline = (inputs.scores(pairing, x) for x in (pairing.candidate, pairing.baseline))
    shared = candidate.index.intersection(baseline.index)
    budgets = (inputs.budget(pairing, pairing.candidate), inputs.budget(pairing, pairing.baseline))
    reasons = verdict.gate(
        metric=pairing.metric,
        planned=max(inputs.planned, len(shared)),
        candidate_seeds=list(candidate.index),
        baseline_seeds=list(baseline.index),
        budgets=budgets if pairing.policy == "tuned" else None,
    )
    if len(shared) < 2:
        return None, reasons
    return verdict.measure(candidate[shared], baseline[shared], rules), reasons


def _comparison(
    inputs: _Inputs,
    family: Family,
    pairing: Pairing,
    numbers: Numbers | None,
    reasons: Sequence[str],
    p_holm: float,
    rules: Rules,
) -> Comparison:
    size, unit = len(family.pairings), unit_of(pairing.metric)
    names = (pairing.candidate, pairing.baseline)
    if reasons or numbers is None:
        outcome: Verdict = "refused"
        reason = "; ".join(reasons)
        text = f"{names[0]} against {names[1]}: refused, {reason}."
        planned = None
    else:
        outcome = verdict.judge(numbers, p_holm, rules)
        reason = verdict.explain(outcome, numbers, p_holm, rules, size)
        text = verdict.sentence(names, numbers, p_holm, size, outcome, rules, unit)
        planned = verdict.plan(numbers, rules, size)
    values = {} if numbers is None else {k: finite(v) for k, v in numbers._asdict().items()}
    tested = outcome != "refused"
    return Comparison(
        family=family.kind,
        family_name=family.name,
        family_size=size,
        task=pairing.task,
        learner=pairing.learner,
        candidate=pairing.candidate,
        baseline=pairing.baseline,
        metric=pairing.metric,
        lr_policy=pairing.policy,
        n=numbers.n if numbers else 0,
        **{name: values.get(name) for name in _DESCRIPTIVE},
        **{name: values.get(name) if tested else None for name in _TESTS},
        p_holm=p_holm if tested else None,
        verdict=outcome,
        reason=reason,
        sentence=text,
        detectable_difference=finite(planned.detectable) if planned else None,
        seeds_for_rope=planned.seeds if planned else None,
        diverged_candidate=inputs.diverged(pairing, pairing.candidate),
        diverged_baseline=inputs.diverged(pairing, pairing.baseline),
    )


_DESCRIPTIVE = (
    "mean_difference", "ci_low", "ci_high", "dz", "p_better", "wins", "ties", "sd_difference",
    "rank_biserial", "median_difference", "bca_low", "bca_high",
)  # fmt: skip
_TESTS = ("p", "p_wilcoxon", "p_equivalence")


def finite(value: Any) -> Any:
    """The value, or None where it is NaN or infinite, which JSON cannot say."""
    if isinstance(value, float | np.floating) and not math.isfinite(value):
        return None
    return value
