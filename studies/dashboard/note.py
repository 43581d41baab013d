"""The note that a study opens with in the dashboard (GitHub's Markdown)."""

from collections.abc import Sequence

import numpy as np

from bench.experiment.model import Experiment
from bench.experiment.study import AblateStudy, ScreenStudy, StudyBase, called
from bench.running.intervals import mean_and_half_width
from bench.store.store import Row
from studies.dashboard.answer import answer, named_trials
from studies.dashboard.data import ReviewData, seed_means
from studies.dashboard.importance import TRIALS_FOR_EVIDENCE
from studies.domains import Range, spell
from studies.gain_text import GainUnit, gain_unit
from studies.naming import trial_name
from studies.objectives import eligible, second_of
from studies.outcome import StudyResult, StudyTrial
from studies.plan import StudyPlan, study_of
from studies.protocol import budget_text, protocol_text, question, short
from studies.space import BY_NAME

MAX_SHOWN = 5
"""Trials in the table of the best."""

Spreads = dict[int, tuple[float, float | None, int]]
"""For each slot its mean gain over evolution seeds, half of its interval, the number of seeds."""

EDGE = 0.05
"""The share of a range at its ends that counts as its edge."""


def note(
    experiment: Experiment,
    plan: StudyPlan,
    review: ReviewData,
) -> str:
    """Question, result, what to look at next, protocol and space.

    Raises:
        InputError: the experiment has no study.
    """
    study, result = study_of(experiment), review.result
    spreads, unit = spread_of_seeds(review.gains), gain_unit(experiment)
    table = (
        _cells(result, spreads, unit)
        if isinstance(study, AblateStudy)
        else _best(study, plan, review, spreads, unit)
    )
    things = enumerate(_next(study, plan, review, spreads, unit), 1)
    parts = [
        f"**Question.** {question(study)}",
        answer(study, plan, review),
        f"**{_counts(result, review.total)}**",
        table,
        "**Look at next.**\n" + "\n".join(f"{at}. {thing}" for at, thing in things),
        f"**Protocol.** {protocol_text(experiment, study)}",
        f"**Values** are mean gains over cross-entropy in {unit.name}; the dashboard's own charts "
        "have them as they are stored, those of accuracy as fractions. The winner of many "
        f"trials is an optimistic estimate: it was chosen with {budget_text(study)} member-steps "
        "for each evolution on validation splits. A claim needs the benchmark, with other "
        "seeds and the test split.",
        _space(plan),
    ]
    return "\n\n".join(part for part in parts if part)


def spread_of_seeds(gains: Sequence[Row]) -> Spreads:
    """For each slot the mean gain over evolution seeds, half of its 95 % t interval (Student
    1908; None for one seed) and the number of seeds."""
    spreads: Spreads = {}
    for slot, means in seed_means(gains).items():
        mean, half = mean_and_half_width(list(means.values()))
        spreads[slot] = (mean or 0.0, half, len(means))
    return spreads


def _counts(result: StudyResult, total: int) -> str:
    states = [trial.state for trial in result.trials]
    infeasible = sum(not trial.is_feasible for trial in result.trials)
    parts = [f"{states.count('complete')} complete"]
    parts += [f"{states.count('pruned')} stopped early"] if "pruned" in states else []
    parts += [f"{states.count('fail')} failed"] if "fail" in states else []
    parts += [f"{infeasible} infeasible (too many diverged learners)"] if infeasible else []
    remaining = total - len(states)
    tail = f", {remaining} to go" if remaining > 0 else ""
    return f"Of {total} trials: {', '.join(parts)}{tail}."


def _best(
    study: StudyBase, plan: StudyPlan, review: ReviewData, spreads: Spreads, unit: GainUnit
) -> str:
    result, origins = review.result, review.origins
    ranked = eligible(result.trials)
    if not ranked:
        return "No trial is complete and feasible."
    named = named_trials(review)
    second = second_of(study)
    if second is not None:
        title, shown = f"Pareto front of gain and {second.name}", list(result.front)
        if result.best is not None and result.best not in shown:
            shown.insert(0, result.best)
    else:
        title = "The best feasible trials"
        shown = ranked[:MAX_SHOWN]
        shown += [trial for trial in named if trial not in shown and trial.value is not None]
    has_seeds = any(half is not None for _, half, _ in spreads.values())
    interval = ["95 % over seeds"] if has_seeds else []
    header = ["trial", f"gain ({unit.name})", *interval, "worst regime", "member-steps", "what"]
    rows = [
        [
            f"{trial.number}{_tag(origins[trial.slot])}",
            unit.number(trial.value),
            *([_half(spreads.get(trial.slot), unit)] if has_seeds else []),
            unit.number(trial.worst),
            f"{trial.member_steps:,}",
            trial_name(plan.space, trial.params),
        ]
        for trial in shown
    ]
    # Settings run down: a dozen of them side by side would be wider than any screen.
    names = sorted({name for trial in shown for name in trial.params}, key=_rank)
    settings = _table(
        ["setting", *(f"trial {trial.number}" for trial in shown)],
        [[f"`{short(name)}`", *(_cell(trial, name) for trial in shown)] for name in names],
    )
    return (
        f"**{title}.**\n\n{_table(header, rows)}\n\n"
        f"**Their settings.** A dash is one without an effect.\n\n{settings}"
    )


def _cells(result: StudyResult, spreads: Spreads, unit: GainUnit) -> str:
    names = sorted({name for trial in result.trials for name in trial.params}, key=_rank)
    header = [
        *(f"`{short(name)}`" for name in names),
        f"gain ({unit.name})",
        "95 % over seeds",
        "seeds",
        "trial",
    ]
    ordered = sorted(result.trials, key=lambda t: (t.value is None, -(t.value or 0.0)))
    rows = [
        [
            *(_cell(trial, name) for name in names),
            "failed" if trial.value is None else unit.number(trial.value),
            _half(spreads.get(trial.slot), unit),
            str(spreads[trial.slot][2]) if trial.slot in spreads else "–",
            str(trial.number),
        ]
        for trial in ordered
    ]
    return "**Cells, the largest gain first.**\n\n" + _table(header, rows)


def _next(
    study: StudyBase,
    plan: StudyPlan,
    review: ReviewData,
    spreads: Spreads,
    unit: GainUnit,
) -> list[str]:
    """Three things, the most pressing first."""
    result, shares = review.result, review.shares
    things: list[str] = []
    failed = [str(t.number) for t in result.trials if t.state == "fail"]
    if failed:
        things.append(f"The notes of the failed trials ({', '.join(failed[:8])}): why they failed.")
    best = result.best
    if best is not None:
        things += _edges(plan, best)
        things.append(
            f"The picture of trial {best.number}, the best: does its learning curve stay above "
            "cross-entropy's, and did its fitness still rise at the end of the budget?"
        )
        half = spreads.get(best.slot, (0.0, None, 0))[1]
        if isinstance(study, AblateStudy):
            things.append(
                "The ablation report: whether any factor is shown to matter once seeds are blocked."
            )
        elif half is not None:
            things.append(
                f"Its spread over evolution seeds, {unit.half(half)} {unit.name} (95 %); rivals "
                "are paired by seed."
            )
        elif isinstance(study, ScreenStudy):
            things.append(
                "A `confirm` study that takes this one as its incumbent: one evolution for each "
                "trial cannot tell the best few apart."
            )
    if shares.shares:
        name, share = max(shares.shares.items(), key=lambda item: item[1])
        at = f", by the value at {shares.point}" if shares.point else ""
        doubt = (
            ""
            if shares.trials >= TRIALS_FOR_EVIDENCE
            else f"; below {TRIALS_FOR_EVIDENCE} trials that is no evidence"
        )
        things.append(
            f"`{short(name)}`: {share:.0%} of the importance in the {shares.trials} random trials"
            f"{at} (PED-ANOVA{doubt}). The dashboard's own panel takes all trials, also those that "
            "the sampler placed where it expected to gain: its shares are others."
        )
    things.append("The timeline: how long trials took, and where workers were idle.")
    things.append("Each trial's `seeds.csv`: whether one family carries the mean gain.")
    return things[:3]


def _edges(plan: StudyPlan, best: StudyTrial) -> list[str]:
    """Numeric parameters whose best value lies at an end of the range."""
    at_edge = []
    for parameter in plan.space.parameters:
        domain, value = parameter.domain, best.params.get(parameter.name)
        if not isinstance(domain, Range) or not isinstance(value, int | float):
            continue
        low, high, at = domain.low, domain.high, float(value)
        if domain.log:
            low, high, at = np.log(low), np.log(high), np.log(at)
        place = (at - low) / (high - low)
        if min(place, 1 - place) <= EDGE:
            at_edge.append(f"`{short(parameter.name)}` = {value:.3g} of {spell(domain)}")
    if not at_edge:
        return []
    where = ", ".join(at_edge)
    return [f"The best lies at the edge of the space: {where}. Widen it in study.space."]


def _space(plan: StudyPlan) -> str:
    rows = [[f"`{short(p.name)}`", spell(p.domain)] for p in plan.space.parameters]
    rows += [[f"`{short(name)}`", f"fixed at {value}"] for name, value in plan.space.fixed.items()]
    return "**Space.**\n\n" + _table(["parameter", "values"], rows)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _rank(name: str) -> tuple[int, str]:
    known = list(BY_NAME)
    return (known.index(name) if name in known else len(known), name)


def _tag(origin: str) -> str:
    name = "enqueued" if origin == "enqueued" else called(origin).removeprefix("the ")
    return f" ({name})" if name else ""


def _half(spread: tuple[float, float | None, int] | None, unit: GainUnit) -> str:
    return "–" if spread is None or spread[1] is None else unit.half(spread[1])


def _cell(trial: StudyTrial, name: str) -> str:
    value = trial.params.get(name, "–")
    return f"{value:.3g}" if isinstance(value, float) else str(value)
