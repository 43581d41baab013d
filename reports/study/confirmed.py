"""A confirmation: the incumbent against everything that was named, paired by evolution seed."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from bench.experiment.study import CALLED, called
from bench.store import schema as tables
from bench.store.store import Store
from reports.page.model import Section
from reports.page.table import Table
from reports.page.wording import DASH, PLUS_MINUS, counted, unit_of
from reports.verdicts import gate
from reports.verdicts.cells import decision_cells
from reports.verdicts.decision import Decision, Question, decide
from reports.verdicts.verdict import Rules


class Named(NamedTuple):
    """A configuration with a name: its mean gain by evolution seed, and what it spent."""

    name: str
    slot: int
    by_seed: "pd.Series[float]"
    member_steps: int


class Confirmation(NamedTuple):
    """The first of the named configurations against the others.

    seeds: evolution seeds planned; searched: the member-steps of the study that it was found by
    (0: none is named, or it is not in this storage).
    """

    first: Named
    others: list[Named]
    decisions: list[Decision]
    seeds: int
    searched: int


def load_confirmation(
    store: Store, study: str, incumbent_from: str | None, seeds: int, rules: Rules, metric: str
) -> Confirmation | None:
    """Read a confirmation's named configurations; None where fewer than two have gains."""
    origins = {row["slot"]: row["origin"] for row in store.rows(tables.slots, study=study)}
    gains = pd.DataFrame(store.rows(tables.gains, study=study))
    if gains.empty:
        return None
    gains["weighted"] = gains["gain"] * gains["tasks"]
    named = []
    for slot in sorted(set(gains["slot"].tolist())):
        part = gains[gains["slot"] == slot]
        name = called(origins.get(slot, "sampler"))
        if not name:
            continue
        sums = part.groupby("seed")[["weighted", "tasks"]].sum()
        spent = int(part.groupby("seed")["member_steps"].first().sum())
        by_seed = sums["weighted"] / sums["tasks"]
        named.append(Named(name, slot, by_seed, spent))
    if len(named) < 2:
        return None
    first, *others = named
    questions = []
    for other in others:
        both = first.by_seed.index.intersection(other.by_seed.index)
        refusals = [*gate.too_few(len(both), "run")]
        if len(both) < seeds:
            refusals.append(f"{len(both)} of {counted(seeds, 'evolution seed')} in both")
        questions.append(
            Question(
                first.name.capitalize() if first.name in CALLED.values() else first.name,
                other.name,
                np.asarray(first.by_seed[both], dtype=np.float64),
                np.asarray(other.by_seed[both], dtype=np.float64),
                tuple(refusals),
            )
        )
    searched = store.rows(tables.trials, study=incumbent_from) if incumbent_from else []
    return Confirmation(
        first,
        others,
        decide(questions, rules, unit_of(metric), "run"),
        seeds,
        sum(row["member_steps"] for row in searched),
    )


def confirmed_findings(found: Confirmation) -> list[str]:
    """What the search was worth, with its interval, and what it cost."""
    spent = sum(one.member_steps for one in (found.first, *found.others))
    cost = f"This confirmation spent {spent:,} member-steps"
    if found.searched:
        cost += f", the search before it {found.searched:,}"
    return [*(decision.sentence for decision in found.decisions), f"{cost}."]


def confirmed_section(found: Confirmation, metric: str, rules: Rules) -> Section:
    """The table of differences by evolution seed, and what everything spent."""
    unit, shown, tags, notes = unit_of(metric), [], {}, {}
    for place, (other, decision) in enumerate(zip(found.others, found.decisions, strict=True)):
        shown.append([found.first.name, other.name, *decision_cells(decision, unit)])
        tags[place, 7], notes[place, 7] = decision.verdict, decision.reason
    percent = f"{100 * (1 - rules.alpha):g} %"
    columns = ["configuration", "against", f"difference ({unit.difference})", f"{percent} CI",
               "p", "Holm p", "seeds won", "verdict"]  # fmt: skip
    differences = Table(
        name="confirmed",
        title="Against the others, on fresh evolution seeds",
        caption=(
            f"Mean gain over tuned CE of {found.first.name} minus that of the other, in "
            f"{unit.difference}; n = {counted(found.seeds, 'evolution seed')}, the same for all "
            f"and judged on the same tasks. {percent} t interval, not corrected; two-sided "
            f"sign-flip p over seeds, Holm over {counted(len(found.others), 'comparison')}; ROPE "
            f"{PLUS_MINUS}{unit.value(rules.rope)}."
        ),
        numbers=pd.DataFrame(records(found)),
        shown=pd.DataFrame(shown, columns=columns),
        tags=tags,
        notes=notes,
        omitted=("p",),
    )
    lines = [
        [one.name, f"{unit.gain(float(one.by_seed.mean()))}", str(len(one.by_seed)),
         f"{one.member_steps:,}"]
        for one in (found.first, *found.others)
    ]  # fmt: skip
    if found.searched:
        lines.append(["the search before", DASH, DASH, f"{found.searched:,}"])
    cost = pd.DataFrame(lines, columns=["what", "mean gain", "evolutions", "member-steps"])
    return Section(
        "confirmed",
        "Confirmed on fresh seeds",
        tables=[differences, Table("confirmed_cost", "Gain and cost", "By itself.", cost, cost)],
    )


def records(found: Confirmation) -> list[dict[str, object]]:
    """The comparisons as plain values."""
    lines: list[dict[str, object]] = []
    for other, decision in zip(found.others, found.decisions, strict=True):
        numbers = decision.numbers
        lines.append(
            {
                "candidate": found.first.name,
                "baseline": other.name,
                "n": numbers.n if numbers else 0,
                "mean_difference": numbers.mean_difference if numbers else None,
                "ci_low": numbers.ci_low if numbers else None,
                "ci_high": numbers.ci_high if numbers else None,
                "p": numbers.p if numbers and decision.verdict != "refused" else None,
                "p_holm": decision.p_holm,
                "verdict": decision.verdict,
                "reason": decision.reason,
            }
        )
    return lines
