"""An ablation at several budgets: each change at each of them, and a setting that is swept.

The differences averaged over budgets stand with the other effects; here they are a family of
comparisons of their own, since what pays early need not pay late.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from bench.experiment.study import BUDGET, VARIANT
from reports import stats
from reports.ablation.analysis import Analysis, Effect
from reports.ablation.data import AblationData
from reports.ablation.gaps import left_out, short, unchanged
from reports.page.wording import Unit, listed, p_text
from reports.stats.factorial import Term, blocked_anova
from reports.verdicts.decision import Question, decide
from reports.verdicts.kinds import label_of, ranked_verdicts
from reports.verdicts.verdict import Rules

MIN_SWEPT = 3
"""Variants that differ in one number alone, from which that number counts as swept."""


class Sweep(NamedTuple):
    """Variants that differ in one setting alone: the setting, its value by variant, and the
    analysis of variance of it and the budget with Holm's p over its terms. analysed: the variants
    that this analysis has; the others are the reference at some budget."""

    setting: str
    values: dict[str, float]
    analysed: list[str]
    terms: list[Term]
    p_terms: list[float]

    @property
    def without(self) -> str:
        """Which variants the analysis does not have, as a sentence after others."""
        return left_out([name for name in self.values if name not in self.analysed])


class AtBudgets(NamedTuple):
    """budgets: as text, the smallest first. effects: by budget, one Holm family in all. sweep:
    None where nothing is swept."""

    budgets: list[str]
    effects: dict[str, list[Effect]]
    sweep: Sweep | None


def at_budgets(
    data: AblationData, analysis: Analysis, rules: Rules, shown: Unit
) -> AtBudgets | None:
    """Every level against its reference at each budget; None where there is one budget."""
    if BUDGET not in data.factors or len(analysis.levels[BUDGET]) < 2:
        return None
    budgets = analysis.levels[BUDGET]
    keys, questions = [], []
    for budget in budgets:
        own = analysis.runs[analysis.runs[BUDGET] == budget]
        for name in data.factors:
            first, *others = analysis.levels[name]
            if name == BUDGET:
                continue
            wide = own.pivot_table(index="seed", columns=name, values="gain", aggfunc="mean")
            for level in (one for one in others if {one, first} <= set(wide)):
                a, b = wide[level].to_numpy(), wide[first].to_numpy()
                named = level if name == VARIANT else f"{short(name)} = {level}"
                keys.append((budget, short(name), level, first))
                refusals = (*analysis.refusals, *unchanged(data.declared, level, first, a, b))
                questions.append(Question(f"At {budget}, {named}", first, a, b, refusals))
    decisions = decide(questions, rules, shown, "run") if questions else []
    effects: dict[str, list[Effect]] = {budget: [] for budget in budgets}
    for (budget, factor, level, reference), decision in zip(keys, decisions, strict=True):
        effects[budget].append(Effect(factor, level, reference, decision))
    return AtBudgets(budgets, effects, _sweep(data, analysis))


def swept(variants: Mapping[str, Mapping[str, Any]]) -> tuple[str, dict[str, float]] | None:
    """The setting in which the most variants differ alone, with its value in each of them.

    Variants belong together whose other changes are the same; None where fewer than MIN_SWEPT do.
    """
    groups: dict[tuple[str, str], dict[str, float]] = {}
    for name, changes in variants.items():
        for key, value in changes.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                rest = sorted((k, repr(v)) for k, v in changes.items() if k != key)
                groups.setdefault((key, repr(rest)), {})[name] = float(value)
    key_of, values = max(groups.items(), key=lambda item: len(item[1]), default=(("", ""), {}))
    return (key_of[0], values) if len(values) >= MIN_SWEPT else None


def findings(found: AtBudgets, analysis: Analysis, unit: Unit, alpha: float) -> list[str]:
    """What holds at which budget, in sentences."""
    sentences = []
    if found.sweep is not None and found.sweep.terms:
        sweep = found.sweep
        parts = [
            f"{term.name} (F = {term.f:.2f}, p {p_text(p)})"
            for term, p in zip(sweep.terms, sweep.p_terms, strict=True)
        ]
        crossed = next(
            p for t, p in zip(sweep.terms, sweep.p_terms, strict=True) if len(t.factors) > 1
        )
        depends = "depends" if crossed < alpha else "is not shown to depend"
        sentences.append(
            f"Among the {len(sweep.analysed)} variants that differ in {short(sweep.setting)} "
            f"alone, what {short(sweep.setting)} is worth {depends} on the budget: {listed(parts)}."
            f"{sweep.without}"
        )
    for budget, effects in found.effects.items():
        if not effects:
            continue
        by_verdict: dict[str, list[str]] = {}
        for effect in effects:
            numbers, decision = effect.decision.numbers, effect.decision
            gain = f" ({unit.gain(numbers.mean_difference)})" if numbers else ""
            by_verdict.setdefault(decision.verdict, []).append(f"{effect.level}{gain}")
        told = [
            f"{label_of(verdict)}: {', '.join(by_verdict[verdict])}"
            for verdict in ranked_verdicts()
            if verdict in by_verdict
        ]
        reference = effects[0].reference
        sentences.append(f"At {budget}, against {reference}: {'; '.join(told)}.")
    reasons = {
        (budget, effect.level): effect.decision.reason
        for budget, effects in found.effects.items()
        for effect in effects
        if effect.decision.verdict == "refused" and not analysis.refusals
    }
    sentences += [f"{level} at {budget}: {why}." for (budget, level), why in reasons.items()]
    return sentences


def mean_intervals(runs: pd.DataFrame, name: str, budgets: Sequence[str]) -> pd.DataFrame:
    """level, budget, mean, low, high: the mean gain over seeds with its 95 % t interval."""
    records = []
    for (level, budget), part in runs.groupby([name, BUDGET], sort=False):
        by_seed = part.groupby("seed")["gain"].mean().to_numpy()
        interval = stats.mean_interval(by_seed)
        records.append((str(level), str(budget), *interval))
    frame = pd.DataFrame(records, columns=["level", "budget", "mean", "low", "high"])
    order = {budget: place for place, budget in enumerate(budgets)}
    return frame.sort_values("budget", key=lambda column: column.map(order), kind="stable")


def _sweep(data: AblationData, analysis: Analysis) -> Sweep | None:
    found = swept(data.variants)
    if found is None:
        return None
    setting, values = found
    analysed = [name for name in values if name not in analysis.copies]
    runs = analysis.runs[analysis.runs[VARIANT].isin(analysed)]
    complete = len(runs) == len(analysed) * len(analysis.levels[BUDGET]) * analysis.seeds
    terms: list[Term] = []
    if complete and analysis.seeds > 1 and len(analysed) > 1:
        factors = {
            short(setting): [str(values[str(name)]) for name in runs[VARIANT]],
            short(BUDGET): runs[BUDGET].tolist(),
        }
        anova = blocked_anova(runs["gain"], factors, runs["seed"].tolist())
        terms = [term for term in anova if term.factors]
    p_terms = stats.holm([term.p for term in terms]).tolist() if terms else []
    return Sweep(setting, values, analysed, terms, p_terms)
