"""Which losses are compared on which tasks, in which families, and what comes of it.

The primary family is every candidate against every declared baseline on every task, under the
primary policy and in the declared metric; it is corrected by itself. Everything else is secondary:
one family per policy, metric and group of baselines.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from bench.catalogue.losses import UNEVOLVED
from bench.catalogue.metrics import Aspect
from bench.policies import COMMON, title_of
from reports.data.metrics import aspect_of, rules_for
from reports.data.model import ReportData
from reports.data.scores import Block, ReportScores
from reports.page.wording import finite, unit_of
from reports.verdicts import gate
from reports.verdicts.decision import SCOPES, Decision, Question, Scope, decide
from reports.verdicts.kinds import Verdict
from reports.verdicts.verdict import Replicate, Rules, is_coarse

MAX_ANALYSED = 3000
"""Comparisons up to which the secondary ones have all sensitivity analyses, too."""


@dataclass(frozen=True)
class Comparison:
    """One candidate against one baseline; differences are candidate minus baseline.

    Differences and limits are in the metric's own units. A refused comparison has no p-value;
    its numbers, where there are any, describe the pairs that exist. `candidate_lines` and
    `baseline_lines` are the first and last line of its rows in rows.csv.
    """

    family: str
    family_name: str
    family_size: int
    scope: Scope
    unit: Replicate
    task: str
    learner: str
    candidate: str
    baseline: str
    metric: str
    aspect: Aspect
    direction: str
    rope: float
    policy: str
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
    resolution: float | None
    least_sd: float | None
    is_coarse: bool
    detectable_difference: float | None
    seeds_for_rope: int | None
    diverged_candidate: int
    diverged_baseline: int
    candidate_lines: tuple[int, int] | None
    baseline_lines: tuple[int, int] | None

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


class ComparisonFamily(NamedTuple):
    """Comparisons that are corrected together, by the same rules and with the same unit."""

    kind: str
    name: str
    metric: str
    pairings: list[Pairing]
    rules: Rules
    unit: Replicate = "seed"


def families(data: ReportData) -> list[ComparisonFamily]:
    """All families of an experiment, the primary one first.

    Metrics of which neither direction nor ROPE is declared are described but not tested. Metrics
    other than the declared one are compared under the primary policy, against the declared
    baselines and the un-evolved control.
    """
    report, losses = data.experiment.report, data.losses
    declared = [name for name in report.baselines if name in losses]
    control = [UNEVOLVED] if UNEVOLVED in losses and UNEVOLVED not in data.candidates else []
    control = [name for name in control if name not in declared]
    others = [
        name for name in losses if name not in (*declared, *control) and name not in data.candidates
    ]
    planned = set(data.plan[["task", "learner", "loss"]].itertuples(index=False, name=None))
    every = []
    for metric in data.metrics:
        main = metric == report.metric
        rules = rules_for(metric, report, data.budget)
        if rules is None:
            continue
        # Only some tasks have the metrics of a drift; the declared one is required on all.
        measured = set(data.rows.loc[data.rows[metric].notna(), "task"])
        tasks = [place for place in _places(data) if main or place[0] in measured]
        groups = [("declared baselines", declared), ("un-evolved control", control)]
        groups += [("other losses", others)] if main else []
        for policy in data.policies if main else (data.policy,):
            for group, baselines in groups:
                pairings = [
                    Pairing(task, learner, candidate, baseline, metric, policy)
                    for task, learner in tasks
                    for candidate in data.candidates
                    for baseline in baselines
                    if {(task, learner, candidate), (task, learner, baseline)} <= planned
                ]
                primary = (main, policy, group) == (True, data.policy, "declared baselines")
                kind = "primary" if primary else "secondary"
                if pairings:
                    name = f"{metric}, {title_of(policy)}, {group}"
                    every.append(ComparisonFamily(kind, name, metric, pairings, rules))
    return sorted(every, key=lambda family: family.kind != "primary")


def compare(data: ReportData) -> list[Comparison]:
    """Every comparison of every family, corrected within its family."""
    every = families(data)
    few = sum(len(family.pairings) for family in every) <= MAX_ANALYSED
    return judged(data, every, all_analyses=few)


def reference_family(data: ReportData) -> ComparisonFamily | None:
    """Hand-made losses and the un-evolved control against the declared baselines.

    They are no candidates, but what a candidate must be seen beside; None where there are none.
    """
    report = data.experiment.report
    declared = [name for name in report.baselines if name in data.losses]
    others = [x for x in data.losses if x not in declared and x not in data.candidates]
    planned = set(data.plan[["task", "learner", "loss"]].itertuples(index=False, name=None))
    pairings = [
        Pairing(task, learner, loss, baseline, report.metric, data.policy)
        for task, learner in _places(data)
        for loss in others
        for baseline in declared
        if {(task, learner, loss), (task, learner, baseline)} <= planned
    ]
    if not pairings:
        return None
    name = f"{report.metric}, {title_of(data.policy)}, other losses as if they were candidates"
    rules = Rules(report.direction, report.rope, report.alpha)
    return ComparisonFamily("reference", name, report.metric, pairings, rules)


def _places(data: ReportData) -> list[tuple[str, str]]:
    """Every task with the learner that it is trained with."""
    return list(dict.fromkeys(data.plan[["task", "learner"]].itertuples(index=False, name=None)))


def judged(
    data: ReportData, every: Sequence[ComparisonFamily], *, all_analyses: bool = False
) -> list[Comparison]:
    """The comparisons of families, corrected within each.

    all_analyses: whether secondary families have all sensitivity analyses, too.
    """
    scores = data.scores
    budgets = _budgets(data)
    planned = {key[:3]: key[3] for key in _planned(data)}
    overlaps = gate.overlapping_seeds(data.provenance.get("seeds", {}))
    comparisons: list[Comparison] = []
    for family in every:
        questions, blocks = [], []
        for pairing in family.pairings:
            task, learner, policy = pairing.task, pairing.learner, pairing.policy
            names = pairing.candidate, pairing.baseline
            own = (
                scores.block(task, learner, names[0], policy),
                scores.block(task, learner, names[1], policy),
            )
            pairs = scores.pairs(own[0], own[1], pairing.metric)
            spent = [budgets.get((task, learner, name)) for name in names]
            refusals = gate.gate(
                metric=pairing.metric,
                planned=max(
                    *(planned.get((task, learner, name), 0) for name in names), len(pairs.seeds)
                ),
                candidate_seeds=pairs.seeds.tolist(),
                baseline_seeds=pairs.seeds.tolist(),
                budgets=(spent[0], spent[1]) if policy != COMMON and budgets else None,
                overlaps=overlaps,
                all_diverged=scores.all_diverged(*own),
            )
            step = scores.resolution(task, pairing.metric)
            questions.append(
                Question(
                    *names,
                    pairs.candidate,
                    pairs.baseline,
                    refusals,
                    resolution=step,
                    both_diverged=scores.both_diverged(*own),
                )
            )
            blocks.append(own)
        decisions = decide(
            questions,
            family.rules,
            unit_of(family.metric),
            family.unit,
            sensitivity=family.kind == "primary" or all_analyses,
        )
        comparisons.extend(
            comparison(scores, family, pairing, decision, own)
            for pairing, decision, own in zip(family.pairings, decisions, blocks, strict=True)
        )
    return comparisons


def _budgets(data: ReportData) -> dict[tuple[str, str, str], int]:
    """Runs that tuning spent on each (task, learner, loss): configurations times seeds."""
    spent = data.tuning[["task", "learner", "loss", "runs"]]
    return {tuple(key): int(runs) for *key, runs in spent.itertuples(index=False, name=None)}


def _planned(data: ReportData) -> list[tuple[str, str, str, int]]:
    plan = data.plan[["task", "learner", "loss", "seeds"]]
    return [tuple(row) for row in plan.itertuples(index=False, name=None)]


def comparison(
    scores: ReportScores,
    family: ComparisonFamily,
    pairing: Pairing,
    decision: Decision,
    blocks: tuple[Block, Block] | None = None,
) -> Comparison:
    """A decision with all that identifies it; blocks: the rows of candidate and baseline."""
    numbers, planned = decision.numbers, decision.plan
    values = {} if numbers is None else {k: finite(v) for k, v in numbers._asdict().items()}
    tested = decision.verdict != "refused"
    lines = [block.lines() if block.last else None for block in blocks or ()] or [None, None]
    diverged = [scores.diverged(block) for block in blocks or ()] or [0, 0]
    return Comparison(
        family=family.kind,
        family_name=family.name,
        family_size=len(family.pairings),
        scope=SCOPES[family.unit],
        unit=family.unit,
        task=pairing.task,
        learner=pairing.learner,
        candidate=pairing.candidate,
        baseline=pairing.baseline,
        metric=pairing.metric,
        aspect=aspect_of(pairing.metric),
        direction=family.rules.direction,
        rope=family.rules.rope,
        policy=pairing.policy,
        n=numbers.n if numbers else 0,
        **{name: values.get(name) for name in _DESCRIPTIVE},
        **{name: values.get(name) if tested else None for name in _TESTS},
        is_coarse=decision.verdict == "inconclusive"
        and numbers is not None
        and is_coarse(numbers, family.rules),
        p_holm=decision.p_holm,
        verdict=decision.verdict,
        reason=decision.reason,
        sentence=decision.sentence,
        detectable_difference=finite(planned.detectable) if planned else None,
        seeds_for_rope=planned.seeds if planned else None,
        diverged_candidate=diverged[0],
        diverged_baseline=diverged[1],
        candidate_lines=lines[0],
        baseline_lines=lines[1],
    )


_DESCRIPTIVE = (
    "mean_difference", "ci_low", "ci_high", "dz", "p_better", "wins", "ties", "sd_difference",
    "rank_biserial", "median_difference", "bca_low", "bca_high",
    "resolution", "least_sd",
)  # fmt: skip
_TESTS = ("p", "p_wilcoxon", "p_equivalence")
