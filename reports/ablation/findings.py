"""The ablation report in sentences: findings, warnings, note, methods."""

from bench.experiment.study import BUDGET
from reports.ablation.analysis import Analysis
from reports.ablation.budgets import AtBudgets
from reports.ablation.budgets import findings as budget_findings
from reports.ablation.data import AblationData
from reports.ablation.gaps import NOT_FINISHED
from reports.ablation.sections import POOLED
from reports.page.wording import PLUS_MINUS, counted, listed, p_cell, p_text, sentence, unit_of
from reports.verdicts.sentences import COARSE


def findings(data: AblationData, analysis: Analysis, budgets: AtBudgets | None = None) -> list[str]:
    """The ablation in sentences: interactions first, then effects."""
    sentences = []
    alpha = data.experiment.report.alpha
    if analysis.terms:
        shown = [
            f"{term.name} (F = {term.f:.2f}, p {p_text(p)})"
            for term, p in zip(analysis.terms, analysis.p_terms, strict=True)
            if len(term.factors) > 1 and p < alpha
        ]
        interactions = sum(len(term.factors) > 1 for term in analysis.terms)
        if shown:
            sentences.append(
                f"Interactions: {listed(shown)}. The effects of these settings depend on one "
                "another, so that their main effects below are averages over unlike cases."
            )
        elif interactions:
            sentences.append(
                "No interaction was shown."
                if interactions == 1
                else f"None of {interactions} interactions was shown."
            )
    sentences += [effect.decision.sentence for effect in analysis.effects]
    if budgets is not None:
        sentences += budget_findings(budgets, analysis, unit_of(data.metric), alpha)
    sentences += disagreement(analysis, alpha)
    best = analysis.cells.sort_values("mean", ascending=False).iloc[0]
    unit = unit_of(data.metric)
    sentences.append(
        f"Largest mean gain over CE of {'the' if analysis.unfinished else 'all'} "
        f"{len(analysis.cells)} cells{' that have one' if analysis.unfinished else ''}: "
        f"{best['label']}, "
        f"{unit.gain(best['mean'])} {unit.difference}; the best of many cells is an optimistic "
        "estimate."
    )
    if data.design == "leave_one_out":
        sentences.append("A leave-one-out design cannot see interactions between the settings.")
    if data.analysed_as == "variants":
        sentences.append("Variants that change one thing at a time cannot show interactions.")
    return sentences


def disagreement(analysis: Analysis, alpha: float) -> list[str]:
    """The settings on which analysis of variance and paired tests disagree, in one sentence."""
    parts = []
    for term, p_term in zip(analysis.terms, analysis.p_terms, strict=True):
        tested = [
            effect.decision.p_holm
            for effect in analysis.effects
            if term.factors == (effect.factor,) and effect.decision.p_holm is not None
        ]
        if tested and (p_term < alpha) != (min(tested) < alpha):
            parts.append(f"{term.name} (Holm p {p_cell(p_term)} against {p_cell(min(tested))})")
    if not parts:
        return []
    return [
        f"The analysis of variance and the paired tests disagree on {listed(parts)}: trust the "
        f"paired tests, which give the verdicts; {POOLED}."
    ]


def warnings(data: AblationData, analysis: Analysis) -> list[str]:
    """What a reader must know first."""
    reasons = [text for text in analysis.refusals if text != NOT_FINISHED]
    missing = [analysis.unfinished] if analysis.unfinished else []
    lines = [sentence(text) for text in (*missing, *reasons)]
    diverged = int(data.gains["diverged"].sum())
    if diverged:
        judged = int(data.gains["tasks"].sum())
        lines.append(
            f"{diverged} of {judged} judged learners diverged; each counts with the declared worst "
            "score."
        )
    return lines


def methods(data: AblationData, analysis: Analysis) -> list[str]:
    """The methods paragraphs, with citations."""
    report, unit = data.experiment.report, unit_of(data.metric)
    factors = listed([name for name in data.factors if name != BUDGET])
    budgets = analysis.levels.get(BUDGET, [])
    design = (
        {
            "factorial": f"We ablated {factors} in a full factorial design",
            "leave_one_out": f"We ablated {factors} in a leave-one-out design: the base "
            "configuration and its changes in one setting",
            "variants": "We ablated one thing at a time: the reference configuration and "
            f"{len(data.variants)} variants of it, listed below",
        }[data.design]
        + (f", each at budgets of {listed(budgets)} member-steps" if budgets else "")
        + f", {len(analysis.cells)} cells in all. Every cell evolved its losses on the same "
        f"{counted(analysis.seeds, 'evolution seed')} with the same budget, and every loss was "
        "judged by its gain over cross-entropy on the same tasks, each loss at its tuned learning "
        f"rate: {counted(len(analysis.families), 'family', 'families')}, on the outer validation "
        "split (Adaptive Meta-Loss Networks [@yunita2026])."
    )
    tests = (
        "The evolution seed is the block and the unit of replication. "
        + (
            "Effects and interactions were tested by an analysis of variance with blocks "
            "[@box2005], interactions first, p-values corrected after Holm over all terms; "
            if analysis.terms
            else ""
        )
        + {
            "factorial": "the difference of every level from the first, averaged over the other "
            "settings within a seed,",
            "leave_one_out": "the difference of the base from each change, paired by seed,",
            "variants": "the difference of each variant from the reference, paired by seed,",
        }[data.analysed_as]
        + " was tested with the two-sided sign-flip permutation test [@fisher1935], "
        "corrected after Holm [@holm1979] over all effects, with its t interval. Equivalence "
        f"within {PLUS_MINUS}{unit.value(report.rope)} {unit.difference} was tested with two "
        f"one-sided t tests [@schuirmann1987]{COARSE}; d_z is the mean over the standard "
        "deviation of the differences [@lakens2013]."
    )
    return [design, tests]
