"""Claims of a wider scope than one evolved loss on these tasks: the method, and new tasks.

A claim about the method takes evolution runs as the unit, one about new tasks takes tasks; with
fewer than six of them the gate refuses it, and its numbers are descriptive.
"""

from typing import NamedTuple

import numpy as np

from reports.benchmark.comparisons import Comparison, ComparisonFamily, Pairing, comparison
from reports.data.model import ReportData, rules_of
from reports.page.wording import unit_of
from reports.stats.crossed import crossed
from reports.verdicts import gate
from reports.verdicts.decision import Question, decide

METHOD = "the method"
ALL_TASKS = "all tasks"


class MethodClaim(NamedTuple):
    """Mean gain over a baseline of independent evolution runs on one task.

    `gains` has the mean over test seeds of every run. The interval and p take both runs and seeds
    for drawn (reports.stats.crossed); p only from six runs.
    """

    task: str
    baseline: str
    gains: dict[str, float]
    mean: float
    ci_low: float | None
    ci_high: float | None
    p: float | None
    p_holm: float | None
    verdict: str
    reason: str


def method_claims(data: ReportData) -> tuple[list[MethodClaim], list[Comparison]]:
    """What the evolution runs say about the method, per task and baseline; one Holm family."""
    rules, report, runs = rules_of(data), data.experiment.report, data.evolved
    questions, pairings, gains = [], [], []
    learners = dict(data.plan[["task", "learner"]].itertuples(index=False, name=None))
    for task, scores in data.scores.matrix(data.policy).items():
        present = [run for run in runs if run in scores]
        for baseline in [name for name in report.baselines if name in scores and present]:
            wide = scores[[*present, baseline]].dropna()
            table = wide[present].to_numpy().T - wide[baseline].to_numpy()
            if not table.size:
                continue
            whole = len(wide) == len(scores) and len(present) == len(runs)
            refusals = [*gate.too_few(len(present), "run")]
            refusals += [] if whole else ["some runs or seeds are missing"]
            blocks = [
                data.scores.block(task, learners[task], loss, data.policy)
                for loss in (*present, baseline)
            ]
            refusals += [gate.ALL_DIVERGED] if data.scores.all_diverged(*blocks) else []
            means = table.mean(axis=1)
            both = crossed(
                table,
                confidence=1 - rules.alpha,
                resolution=data.scores.resolution(task, report.metric),
            )
            gains.append((dict(zip(present, means.tolist(), strict=True)), both))
            zeros = np.zeros(len(present))
            questions.append(Question(METHOD, baseline, means, zeros, tuple(refusals), both))
            place = task, learners[task]
            pairings.append(Pairing(*place, METHOD, baseline, report.metric, data.policy))
    claims: list[MethodClaim] = []
    comparisons: list[Comparison] = []
    if not questions:
        return claims, comparisons
    name = "the method: all tasks and baselines"
    family = ComparisonFamily("method", name, report.metric, pairings, rules, "run")
    decided = decide(questions, rules, unit_of(report.metric), family.unit)
    for pairing, decision, (means, both) in zip(pairings, decided, gains, strict=True):
        item = comparison(data.scores, family, pairing, decision)
        comparisons.append(item)
        known = np.isfinite(both.low)
        claims.append(
            MethodClaim(
                task=pairing.task,
                baseline=pairing.baseline,
                gains=means,
                mean=both.estimate,
                ci_low=both.low if known else None,
                ci_high=both.high if known else None,
                p=item.p,
                p_holm=item.p_holm,
                verdict=item.verdict,
                reason=item.reason,
            )
        )
    return claims, comparisons


def new_tasks(data: ReportData) -> list[Comparison]:
    """Candidates against the declared baselines with the task, mean over its seeds, as the unit.

    One Holm family. Empty below two tasks.
    """
    rules, report = rules_of(data), data.experiment.report
    matrices = {
        task: scores
        for task, scores in data.scores.matrix(data.policy).items()
        if len(scores.dropna())
    }
    if len(matrices) < 2:
        return []
    questions, pairings = [], []
    for candidate in data.candidates:
        for baseline in report.baselines:
            used = [
                (task, pair)
                for task, scores in matrices.items()
                if {candidate, baseline} <= set(scores)
                for pair in [scores[[candidate, baseline]].dropna()]
                if len(pair) == len(scores)
            ]
            means = [
                (float(pair[candidate].mean()), float(pair[baseline].mean())) for _, pair in used
            ]
            refusals = [*gate.too_few(len(means), "task")]
            if len(means) < len(data.tasks):
                refusals.append(f"{len(data.tasks) - len(means)} tasks are incomplete")
            a, b = (np.array([pair[side] for pair in means]) for side in (0, 1))
            steps = [
                (data.scores.resolution(task, report.metric), len(pair)) for task, pair in used
            ]
            whole = [step / seeds for step, seeds in steps if step is not None]
            mean = float(np.mean(whole)) if whole and len(whole) == len(steps) else None
            questions.append(Question(candidate, baseline, a, b, tuple(refusals), resolution=mean))
            pairings.append(
                Pairing(ALL_TASKS, "all learners", candidate, baseline, report.metric, data.policy)
            )
    name = "new tasks: means over seeds"
    family = ComparisonFamily("new tasks", name, report.metric, pairings, rules, "task")
    decided = decide(questions, rules, unit_of(report.metric), family.unit)
    return [
        comparison(data.scores, family, pairing, decision)
        for pairing, decision in zip(pairings, decided, strict=True)
    ]
