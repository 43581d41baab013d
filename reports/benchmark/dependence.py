"""Verdicts that depend on how a configuration was chosen, and why."""

from collections.abc import Sequence
from typing import NamedTuple

from bench.policies import UNCALIBRATED, title_of
from reports.benchmark.comparisons import Comparison
from reports.data.model import ReportData
from reports.page.wording import listed, unit_of
from reports.verdicts.kinds import label_of, tone_of


class Dependence(NamedTuple):
    """A primary comparison whose verdict is another under another policy, and why."""

    primary: Comparison
    other: Comparison
    reason: str


def dependences(data: ReportData, comparisons: Sequence[Comparison]) -> list[Dependence]:
    """All pairs of a primary comparison and its like under another policy with another verdict.

    Refused comparisons have no verdict to differ in.
    """
    judged = _judged(data, comparisons)
    pairs = [
        (item, judged.get((policy, *_place(item))))
        for policy in data.policies[1:]
        for item in judged.values()
        if item.family == "primary"
    ]
    return [
        Dependence(item, other, _reason(data, item, other))
        for item, other in pairs
        if other is not None and other.verdict != item.verdict
    ]


def _judged(
    data: ReportData, comparisons: Sequence[Comparison]
) -> dict[tuple[str, ...], Comparison]:
    """Comparisons in the declared metric that have a verdict, by policy and place."""
    return {
        (item.policy, *_place(item)): item
        for item in comparisons
        if item.verdict != "refused" and item.metric == data.experiment.report.metric
    }


def _place(item: Comparison) -> tuple[str, str, str, str]:
    return item.task, item.learner, item.candidate, item.baseline


def _reason(data: ReportData, item: Comparison, other: Comparison) -> str:
    """By how much each loss moved from the primary policy to the other one, and the rest."""
    unit = unit_of(item.metric)
    moves = []
    for loss in (item.candidate, item.baseline):
        before, after = (
            data.scores.of(data.scores.block(item.task, item.learner, loss, policy), item.metric)[1]
            for policy in (item.policy, other.policy)
        )
        moves.append(f"{loss} {unit.gain(float(after.mean() - before.mean()))}")
    spread = [x.sd_difference for x in (item, other)]
    text = f"{listed(moves)} {unit.difference} under the other policy"
    if None not in spread:
        text += f"; SD of the differences {' and '.join(unit.value(value) for value in spread)}"
    if other.policy in UNCALIBRATED:
        text += "; its tests do not hold their level"
    return text


def in_words(data: ReportData, comparisons: Sequence[Comparison]) -> list[str]:
    """A sentence for the head of a report; none where there is one policy alone."""
    primary = [x for x in comparisons if x.family == "primary" and x.verdict != "refused"]
    if len(data.policies) < 2 or not primary:
        return []
    found = dependences(data, comparisons)
    if not found:
        known = _judged(data, comparisons)
        places = [_place(item) for item in primary]
        common = sum(all((name, *place) in known for name in data.policies) for place in places)
        if not common:
            return []
        which = f"all {common}"
        if common < len(primary):
            which = f"the {common} of {len(primary)} that every policy can judge"
        return [
            f"No verdict depends on how the learning rate is chosen: {which} are the same "
            f"{listed([title_of(name) for name in data.policies])}."
        ]
    parts = []
    for policy in data.policies[1:]:
        own = [each for each in found if each.other.policy == policy]
        opposite = sum(_signs(each) == {1, -1} for each in own)
        text = f"{title_of(policy)}, {len(own)}"
        if opposite:
            text += f" ({opposite} of them of the opposite sign)"
        parts.append(text)
    return [
        f"Verdicts that depend on how the learning rate is chosen, of {len(primary)}: "
        f"{'; '.join(parts)}. The section Policies names each, and the reason."
    ]


def _signs(each: Dependence) -> set[int]:
    signs = {"favourable": 1, "unfavourable": -1}
    return {signs.get(tone_of(item.verdict), 0) for item in (each.primary, each.other)}


def change(each: Dependence) -> str:
    """Both verdicts."""
    return f"{label_of(each.primary.verdict)} \N{RIGHTWARDS ARROW} {label_of(each.other.verdict)}"
