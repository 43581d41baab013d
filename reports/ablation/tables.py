"""Tables of the ablation report that say what was varied and what it did."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from bench.experiment.study import VARIANT
from reports.ablation.analysis import Analysis
from reports.ablation.data import level_text
from reports.ablation.gaps import label_of_same
from reports.page.table import Table
from reports.page.wording import DASH, PLUS_MINUS, counted, signed_minus, unit_of
from reports.verdicts.cells import decision_cells
from reports.verdicts.verdict import Rules

LONGEST_LIST = 5
"""Values of a list that a table shows whole; its CSV has all."""


def variants_table(variants: Mapping[str, Mapping[str, Any]]) -> Table:
    """What each variant changes; its CSV has long lists whole."""
    changed = [
        (name, setting.removeprefix("evolution."), value)
        for name, changes in variants.items()
        for setting, value in changes.items()
    ]
    columns = ["variant", "setting", "value"]
    return Table(
        name="variants",
        title="What each variant changes",
        caption="All else is as in the reference, the experiment's own configuration.",
        numbers=pd.DataFrame([(*place, level_text(v)) for *place, v in changed], columns=columns),
        shown=pd.DataFrame([(*place, _brief(v)) for *place, v in changed], columns=columns),
    )


def _brief(value: Any) -> str:
    """A setting's value on one line; the ends alone of a long list."""
    if not isinstance(value, list):
        return level_text(value)
    if len(value) > LONGEST_LIST:
        return f"{len(value)}: {value[0]} ... {value[-1]}"
    return ", ".join(map(level_text, value)) or "none"


def effects_table(analysis: Analysis, metric: str, rules: Rules) -> Table:
    """Every effect with its interval, test and verdict."""
    unit, shown = unit_of(metric), []
    for effect in analysis.effects:
        numbers = effect.decision.numbers
        *measured, wins, verdict_label = decision_cells(effect.decision, unit)
        d_z = signed_minus(numbers.dz, 2) if numbers else DASH
        named = [effect.factor, effect.level, effect.reference]
        same = label_of_same(effect.decision.reason)
        shown.append([*named, *measured, d_z, wins, same or verdict_label])
    tags = [effect.decision.verdict for effect in analysis.effects]
    notes = [effect.decision.reason for effect in analysis.effects]
    columns = [
        "setting", "level", "reference", f"difference ({unit.difference})",
        f"{100 * (1 - rules.alpha):g} % CI", "p", "Holm p", "d_z", "seeds won", "verdict",
    ]  # fmt: skip
    subject, difference = "the level", "with the level minus with the reference"
    if analysis.factors == (VARIANT,):
        # Setting and reference are the same in every row.
        shown = [[level, *rest] for _, level, _, *rest in shown]
        columns = [VARIANT, *columns[3:]]
        subject, difference = "the variant", "of the variant minus that of the reference"
    verdict = len(columns) - 1
    return Table(
        name="effects",
        title="Effects",
        caption=(
            f"Mean gain {difference}, in {unit.difference}, n = "
            f"{counted(analysis.seeds, 'evolution seed')}; positive values favour {subject}. t "
            f"interval, {100 * (1 - rules.alpha):g} %, not corrected; two-sided sign-flip p over "
            f"seeds, Holm over {counted(len(analysis.effects), 'effect')}; ROPE "
            f"{PLUS_MINUS}{unit.value(rules.rope)}."
        ),
        numbers=pd.DataFrame([effect.as_json() for effect in analysis.effects]),
        shown=pd.DataFrame(shown, columns=columns),
        tags={(place, verdict): kind for place, kind in enumerate(tags)},
        notes={(place, verdict): reason for place, reason in enumerate(notes)},
        omitted=("p",),
    )


def term_frame(analysis: Analysis) -> pd.DataFrame:
    """The analysis of variance as numbers, with Holm's p."""
    adjusted = dict(zip((t.name for t in analysis.terms), analysis.p_terms, strict=True))
    mixed = {" x ".join(term.factors): term.p for term in analysis.mixed}
    records = [
        (t.name, t.df, t.sum_of_squares, t.f, t.p, adjusted.get(t.name), t.partial_eta2,
         mixed.get(t.name))
        for t in analysis.frame_terms
    ]  # fmt: skip
    columns = ["term", "df", "sum_of_squares", "f", "p", "p_holm", "partial_eta2", "p_mixed"]
    return pd.DataFrame(records, columns=columns)
