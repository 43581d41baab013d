"""The decision procedure for every design: paired units in, corrected verdicts out.

Designs differ in what is paired and in what the unit of replication is: a test seed (one evolved
loss on these tasks), an evolution run (the method on these tasks), or a task (new tasks). From
there on they are alike: a test per question, Holm's correction over the declared family, an
interval, equivalence, and the verdict's fixed order.
"""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from reports import stats
from reports.page.wording import Unit
from reports.stats.crossed import Crossed
from reports.stats.types import Vector
from reports.verdicts import verdict
from reports.verdicts.kinds import Verdict
from reports.verdicts.sentences import sentence
from reports.verdicts.verdict import Basis, Numbers, PowerPlan, Replicate, Rules

Scope = Literal["this loss on these tasks", "the method on these tasks", "new tasks"]

SCOPES: dict[Replicate, Scope] = {
    "seed": "this loss on these tasks",
    "run": "the method on these tasks",
    "task": "new tasks",
}

MIN_BOOTSTRAP_PAIRS = 20
"""Pairs from which a bootstrap interval is drawn: with fewer it covers too little."""


class Question(NamedTuple):
    """Paired scores of two named losses (n,), and why the gate refuses them, if it does.

    `crossed`: where runs and seeds are both drawn, the analysis that sees both; it gives the
    interval and equivalence, and the test's p-value may not fall below its own. `resolution`: the
    step between two scores of one pair, where it is known (reports.stats.equivalence).
    `both_diverged`: pairs in which neither run came to its end.
    """

    candidate: str
    baseline: str
    candidate_scores: Vector
    baseline_scores: Vector
    refusals: tuple[str, ...] = ()
    crossed: Crossed | None = None
    resolution: float | None = None
    both_diverged: int = 0


class Decision(NamedTuple):
    """What came of a question; numbers only from two pairs on, p_holm and plan unless refused."""

    numbers: Numbers | None
    p_holm: float | None
    verdict: Verdict
    reason: str
    sentence: str
    plan: PowerPlan | None


def decide(
    questions: Sequence[Question],
    rules: Rules,
    shown: Unit,
    unit: Replicate,
    *,
    sensitivity: bool = True,
) -> list[Decision]:
    """Verdicts on one family of questions.

    A refused question keeps its place in the family: it counts with p = 1. `sensitivity`: whether
    the analyses beside the test are made (reports.verdicts.verdict.measure).
    """
    basis = Basis(rules, shown, unit, len(questions))
    bca = _bootstrap(questions, rules) if sensitivity else {}
    measured = [
        _measured(question, rules, unit, sensitivity, bca.get(place))
        for place, question in enumerate(questions)
    ]
    p = [
        1.0 if question.refusals or not numbers else numbers.p
        for question, numbers in zip(questions, measured, strict=True)
    ]
    return [
        _decision(question, numbers, float(p_holm), basis)
        for question, numbers, p_holm in zip(questions, measured, stats.holm(p), strict=True)
    ]


def _bootstrap(questions: Sequence[Question], rules: Rules) -> dict[int, stats.Interval]:
    """Bootstrap intervals by the place of the question; those of one size are drawn together."""
    places: dict[int, list[int]] = {}
    for place, question in enumerate(questions):
        places.setdefault(question.candidate_scores.size, []).append(place)
    drawn: dict[int, stats.Interval] = {}
    for size, alike in places.items():
        if size >= MIN_BOOTSTRAP_PAIRS:
            pairs = [(questions[k].candidate_scores, questions[k].baseline_scores) for k in alike]
            intervals = stats.bootstrap_intervals(
                [stats.differences(*pair) for pair in pairs], confidence=1 - rules.alpha
            )
            drawn |= dict(zip(alike, intervals, strict=True))
    return drawn


def _measured(
    question: Question,
    rules: Rules,
    unit: Replicate,
    sensitivity: bool,
    bca: stats.Interval | None,
) -> Numbers | None:
    if question.candidate_scores.size < 2:
        return None
    numbers = verdict.measure(
        question.candidate_scores,
        question.baseline_scores,
        rules,
        unit=unit,
        sensitivity=sensitivity,
        bca=bca,
        resolution=question.resolution,
        both_diverged=question.both_diverged,
    )
    both = question.crossed
    if both is None or not math.isfinite(both.p):
        return numbers
    return numbers._replace(
        ci_low=both.low,
        ci_high=both.high,
        p=max(numbers.p, both.p),
        p_exact=numbers.p_exact and numbers.p >= both.p,
        p_equivalence=both.equivalence(rules.rope),
        resolution=math.nan if both.resolution is None else both.resolution / both.seeds,
    )


def _decision(question: Question, numbers: Numbers | None, p_holm: float, basis: Basis) -> Decision:
    names = (question.candidate, question.baseline)
    if question.refusals or numbers is None:
        reason = "; ".join(question.refusals) or "fewer than two pairs"
        text = f"{names[0]} against {names[1]}: refused, {reason}."
        return Decision(numbers, None, "refused", reason, text, None)
    reached = verdict.judge(numbers, p_holm, basis.rules)
    return Decision(
        numbers,
        p_holm,
        reached,
        verdict.explain(reached, numbers, p_holm, basis),
        sentence(names, numbers, p_holm, reached, basis),
        verdict.plan(numbers, basis),
    )
