"""What a page shows of an ablation at several budgets: gain against budget, each change at each."""

from functools import partial

import pandas as pd

from bench.experiment.study import BUDGET
from reports.ablation import figures as ablation_figures
from reports.ablation.analysis import Analysis
from reports.ablation.budgets import AtBudgets, mean_intervals
from reports.ablation.gaps import label_of_same, short
from reports.page.model import Picture, Section
from reports.page.table import Table
from reports.page.wording import PLUS_MINUS, counted, p_cell, unit_of
from reports.verdicts.cells import decision_cells
from reports.verdicts.verdict import Rules


def budget_sections(
    found: AtBudgets | None, analysis: Analysis, metric: str, rules: Rules
) -> list[Section]:
    """The verdicts at each budget; nothing where there is one."""
    if found is None:
        return []
    tables = [_table(found, analysis, metric, rules)]
    if found.sweep is not None and found.sweep.terms:
        tables.append(_sweep(found, analysis))
    return [Section("at-budgets", "At each budget", tables=tables)]


def budget_pictures(found: AtBudgets, analysis: Analysis, metric: str) -> list[Picture]:
    """Gain against budget, a figure for each factor."""
    unit = unit_of(metric)
    pictures = []
    for name in (name for name in analysis.factors if name != BUDGET):
        levels = analysis.levels[name]
        means = mean_intervals(analysis.runs, name, found.budgets)
        swept = [level for level in levels if found.sweep and level in found.sweep.values]
        others = [level for level in levels if level not in swept]
        groups = [(f"by {short(name)}", others)]
        if found.sweep and swept:
            groups.append((f"{short(found.sweep.setting)} alone changed", swept))
        draw = partial(
            ablation_figures.by_budget, means, groups, levels[0], unit.factor,
            f"gain over CE ({unit.difference})",
        )  # fmt: skip
        caption = (
            f"Mean gain over tuned CE against the budget of each evolution, n = {analysis.seeds} "
            "evolution seeds; bars: 95 % t intervals of each mean by itself, not paired, not "
            f"corrected; higher is better. Dashed: {levels[0]}. The verdicts stand in the table "
            "below."
        )
        title = f"Gain against budget, by {short(name)}"
        pictures.append(Picture(f"budget_{short(name)}", draw, caption, title, is_wide=False))
    return pictures


def _table(found: AtBudgets, analysis: Analysis, metric: str, rules: Rules) -> Table:
    unit = unit_of(metric)
    rows = [(budget, effect) for budget, effects in found.effects.items() for effect in effects]
    shown, tags, notes = [], {}, {}
    for place, (budget, effect) in enumerate(rows):
        decision = effect.decision
        named = [budget, effect.factor, effect.level, effect.reference]
        *measured, verdict_label = decision_cells(decision, unit)
        shown.append([*named, *measured, label_of_same(decision.reason) or verdict_label])
        tags[place, 9], notes[place, 9] = decision.verdict, decision.reason
    return Table(
        name="at_budgets",
        title="Every change at each budget",
        caption=(
            f"Mean gain with the level minus with the reference, in {unit.difference}, n = "
            f"{counted(analysis.seeds, 'evolution seed')}, paired; positive values favour the "
            f"level. t interval, {100 * (1 - rules.alpha):g} %, not corrected; two-sided sign-flip "
            f"p, Holm over these {counted(len(rows), 'comparison')}, a family of its own beside "
            f"the effects over all budgets; ROPE {PLUS_MINUS}{unit.value(rules.rope)}."
        ),
        numbers=pd.DataFrame([{"budget": budget, **effect.as_json()} for budget, effect in rows]),
        shown=pd.DataFrame(
            shown,
            columns=[
                "budget", "setting", "level", "reference", f"difference ({unit.difference})",
                f"{100 * (1 - rules.alpha):g} % CI", "p", "Holm p", "seeds won", "verdict",
            ],
        ),
        tags=tags,
        notes=notes,
        omitted=("p",),
    )  # fmt: skip


def _sweep(found: AtBudgets, analysis: Analysis) -> Table:
    sweep = found.sweep
    assert sweep is not None
    records = [
        (term.name, term.df, term.f, term.p, p_holm, term.partial_eta2)
        for term, p_holm in zip(sweep.terms, sweep.p_terms, strict=True)
    ]
    frame = pd.DataFrame(records, columns=["term", "df", "f", "p", "p_holm", "partial_eta2"])
    shown = pd.DataFrame(
        [
            [name.replace(" x ", " × "), f"{df:g}", f"{f:.2f}", p_cell(p), p_cell(p_holm),
             f"{eta:.2f}"]
            for name, df, f, p, p_holm, eta in records
        ],
        columns=["term", "df", "F", "p", "Holm p", "partial η²"],
    )  # fmt: skip
    return Table(
        name="sweep",
        title=f"Does the best {short(sweep.setting)} depend on the budget?",
        caption=(
            f"Analysis of variance of the {len(sweep.analysed)} variants that differ in "
            f"{short(sweep.setting)} alone, with n = {analysis.seeds} evolution seeds as blocks; "
            f"Holm over these {len(records)} terms. Where the interaction is shown, no one value "
            "is best at all budgets."
            f"{sweep.without}"
        ),
        numbers=frame,
        shown=shown,
    )
