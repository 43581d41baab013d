"""The head of the ablation page: the answer in a sentence, the grid, main effects and
interactions."""

from collections import Counter
from collections.abc import Sequence

from reports.ablation.analysis import Analysis, Effect
from reports.ablation.budget_sections import budget_pictures
from reports.ablation.budgets import AtBudgets
from reports.ablation.data import AblationData
from reports.ablation.gaps import effect_name, label_of_same
from reports.ablation.sections import effects_picture, interactions_picture
from reports.page.grid import LIMIT_NOTE, Grid, GridCell, GridGroup, GridRow
from reports.page.model import Picture
from reports.page.wording import PLUS_MINUS, Unit, counted, listed, sentence, unit_of
from reports.verdicts.cells import grid_cell
from reports.verdicts.kinds import tone_of
from reports.verdicts.verdict import Rules

MAX_NAMED = 4
"""Levels that the answer names; of more it says how many."""


def answer(data: AblationData, analysis: Analysis, budgets: AtBudgets | None) -> str:
    """One sentence: which changes of the settings are better or worse than their reference."""
    unit, effects = unit_of(data.metric), analysis.effects
    if not effects:
        return "Nothing was compared: no level has a reference that it could be compared with."
    if refused := _all_refused(analysis):
        return refused
    told = _told(effects, unit)
    alone = [] if budgets is None else _at_single_budgets(effects, budgets, unit)
    unlike = _interacting(data, analysis)
    if not told and not alone:
        same = sum(effect.decision.verdict == "equivalent" for effect in effects)
        never = sum(bool(_label(effect)) for effect in effects)
        parts = [f"{same} equivalent"] if same else []
        parts += [f"{never} with the very runs of the reference"] if never else []
        rest = len(effects) - same - never
        parts += [f"{rest} inconclusive"] if rest else []
        # That two are equivalent is a finding, too.
        start = "Nothing was shown to matter" if same else "Nothing was shown"
        text = (
            f"{start}: none of {counted(len(effects), 'change')} is better or worse than "
            f"its reference ({', '.join(parts)})"
        )
        return f"{text}{'; but ' + unlike if unlike else ''}."
    others = len(effects) - sum(tone_of(e.decision.verdict) != "neutral" for e in effects)
    text = "; ".join([*told, *alone])
    if others and told:
        text += f"; nothing was shown of {'the other' if others == 1 else f'the other {others}'}"
    return sentence(f"{text}{'; ' + unlike if unlike else ''}")


def _all_refused(analysis: Analysis) -> str:
    verdicts = Counter(effect.decision.verdict for effect in analysis.effects)
    if analysis.unfinished:
        return "Nothing can be judged yet: the ablation is not finished."
    if set(verdicts) == {"refused"} and analysis.refusals:
        return f"Nothing could be judged: {'; '.join(analysis.refusals)}."
    return ""


def _told(effects: Sequence[Effect], unit: Unit) -> list[str]:
    """`better than ga: es (+0.50 points)`, for each tone and reference."""
    groups: dict[tuple[str, str], list[str]] = {}
    for effect in effects:
        numbers, tone = effect.decision.numbers, tone_of(effect.decision.verdict)
        if tone != "neutral" and numbers is not None:
            word = "better" if tone == "favourable" else "worse"
            gain = f"{effect.level} ({unit.gain(numbers.mean_difference)} {unit.difference})"
            groups.setdefault((word, effect.reference), []).append(gain)
    return [
        f"{word} than {reference}: {_named(names)}" for (word, reference), names in groups.items()
    ]


def _named(names: list[str]) -> str:
    if len(names) <= MAX_NAMED:
        return listed(names)
    return f"{', '.join(names[:MAX_NAMED])} and {len(names) - MAX_NAMED} more"


def _at_single_budgets(effects: Sequence[Effect], budgets: AtBudgets, unit: Unit) -> list[str]:
    """What was shown at one budget of a level that over all of them shows nothing."""
    shown = {
        (effect.factor, effect.level)
        for effect in effects
        if tone_of(effect.decision.verdict) != "neutral"
    }
    return [
        f"at {budget}, {text}"
        for budget, own in budgets.effects.items()
        for text in _told([x for x in own if (x.factor, x.level) not in shown], unit)
    ]


def _interacting(data: AblationData, analysis: Analysis) -> str:
    alpha = data.experiment.report.alpha
    shown = [
        listed(list(term.factors))
        for term, p in zip(analysis.terms, analysis.p_terms, strict=True)
        if len(term.factors) > 1 and p < alpha
    ]
    return f"what {' and what '.join(shown)} do depends on one another" if shown else ""


def grid(data: AblationData, analysis: Analysis, budgets: AtBudgets | None) -> Grid | None:
    """Every level against its reference: over all budgets, and at each where there are several."""
    if not analysis.effects:
        return None
    unit, report = unit_of(data.metric), data.experiment.report
    overall = f"difference ({unit.difference})" if budgets is None else "over all budgets"
    at_each = {} if budgets is None else budgets.effects
    columns = [overall, *(f"at {budget}" for budget in at_each)]
    by_budget = [
        {(effect.factor, effect.level): effect for effect in effects}
        for effects in at_each.values()
    ]
    rows = []
    for effect in analysis.effects:
        key = effect.factor, effect.level
        every = [effect, *(own.get(key) for own in by_budget)]
        cells = [None if one is None else _cell(one, unit) for one in every]
        rows.append(GridRow(effect_name(*key, effect.reference), cells))
    verdicts = {effect.decision.verdict for effect in analysis.effects}
    references = list(dict.fromkeys(effect.reference for effect in analysis.effects))
    against = f"that of {references[0]}" if len(references) == 1 else "the reference level's"
    note = (
        f"Mean gain over CE minus {against}, n = "
        f"{counted(analysis.seeds, 'evolution seed')}; verdicts after Holm over "
        f"{counted(len(analysis.effects), 'effect')}"
        f"{'' if budgets is None else ', those at single budgets after Holm over all of them'}; "
        f"ROPE {PLUS_MINUS}{unit.value(report.rope)}."
    )
    if "inconclusive" in verdicts:
        note += f" {LIMIT_NOTE}"
    if any(_label(x) for own in (analysis.effects, *at_each.values()) for x in own):
        note += " Switch never reached or same runs: the very runs of the reference, no comparison."
    return Grid("verdicts", "Verdicts", "change", columns, [GridGroup("", rows)], note,
                ("reference", "change"))  # fmt: skip


def _label(effect: Effect) -> str:
    return label_of_same(effect.decision.reason) if effect.decision.verdict == "refused" else ""


def _cell(effect: Effect, unit: Unit) -> GridCell:
    return grid_cell(effect.decision, unit, _label(effect))


def pictures(
    data: AblationData, analysis: Analysis, budgets: AtBudgets | None, rules: Rules
) -> list[Picture]:
    """Main effects, and how they depend on the budget or on one another."""
    every = [effects_picture(analysis, data.metric, rules)]
    every += [] if budgets is None else budget_pictures(budgets, analysis, data.metric)
    every.append(interactions_picture(analysis, data.metric))
    return [picture for picture in every if picture is not None]


def caveats(analysis: Analysis, warned: Sequence[str]) -> list[str]:
    """The warnings, and that the best of many cells is optimistic."""
    lines = list(warned)
    if len(analysis.cells) > 1:
        lines.append(
            f"The largest mean of {len(analysis.cells)} cells is an optimistic estimate of that "
            "cell's gain."
        )
    return lines
