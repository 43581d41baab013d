"""Sections of the ablation report: effects, analysis of variance, interactions, cells, rows."""

from functools import partial
from itertools import combinations

import numpy as np
import pandas as pd

from bench.experiment.study import BUDGET, VARIANT
from reports.ablation import figures as ablation_figures
from reports.ablation.analysis import Analysis
from reports.ablation.data import AblationData
from reports.ablation.gaps import left_out, short
from reports.ablation.tables import effects_table, term_frame, variants_table
from reports.page.model import Picture, Section
from reports.page.table import Table, plain_frame
from reports.page.wording import DASH, PLUS_MINUS, counted, p_cell, signed_minus, unit_of
from reports.verdicts.verdict import Rules

MAX_PAIRS = 6
"""Pairs of settings that are drawn."""

MIN_MAP_LEVELS = 3
"""Levels of each of two numeric settings from which their gains are drawn as a map."""

POOLED = (
    "the error of the analysis of variance pools how much the effects themselves differ between "
    "seeds"
)
"""Why the paired tests, and not the analysis of variance, give the verdicts."""


def sections(data: AblationData, analysis: Analysis, rules: Rules) -> list[Section]:
    """All sections, in their order."""
    metric, gains = data.metric, data.gains
    optional = [
        Section("effects", "Effects", tables=[effects_table(analysis, metric, rules)])
        if analysis.effects
        else None,
        _anova(analysis),
        _maps(analysis, metric),
        _families(analysis, metric, rules),
        Section(
            "variants",
            "Variants",
            tables=[variants_table(data.variants)],
            is_folded=True,
            about="what each of them changes",
        )
        if data.variants
        else None,
        _cells(analysis, metric),
        _missing(analysis),
        _rows(analysis, gains),
    ]
    return [section for section in optional if section is not None]


def _anova(analysis: Analysis) -> Section | None:
    if not analysis.terms:
        return None
    frame = term_frame(analysis)
    shown = [
        [
            row["term"].replace(" x ", " \N{MULTIPLICATION SIGN} "),
            f"{row['df']:g}",
            f"{row['sum_of_squares']:.3g}",
            DASH if pd.isna(row["f"]) else f"{row['f']:.2f}",
            p_cell(row["p"]),
            p_cell(row["p_holm"]),
            signed_minus(row["partial_eta2"], 2),
            p_cell(row["p_mixed"]),
        ]
        for row in frame.to_dict("records")
    ]
    table = Table(
        name="anova",
        title="Analysis of variance",
        caption=(
            f"Gain, mean over families, by the settings with n = {analysis.seeds} evolution seeds "
            "as blocks; sums of squares of type II; interactions first. Holm p: over all "
            f"{len(analysis.terms)} terms. Mixed p: Wald test with a random intercept per family "
            f"(all gains, not averaged), a sensitivity analysis, not corrected. T{POOLED[1:]}; "
            "where that is much, trust the paired tests of the effects, which give the verdicts."
            f"{left_out(analysis.copies)}"
        ),
        numbers=frame,
        shown=pd.DataFrame(
            shown,
            columns=["term", "df", "sum of squares", "F", "p", "Holm p", "partial \u03b7\u00b2",
                     "mixed p"],
        ),
    )  # fmt: skip
    text = [
        "Read interactions first: where one is shown, the settings' effects depend on each other, "
        "and a main effect is an average over unlike cases."
    ]
    return Section(
        "anova", "Analysis of variance", text, [table], is_folded=True,
        about=f"{counted(len(analysis.terms), 'term')}, interactions first",
    )  # fmt: skip


def effects_picture(analysis: Analysis, metric: str, rules: Rules) -> Picture | None:
    """The forest of all effects; None where there is none."""
    if not analysis.effects:
        return None
    unit = unit_of(metric)
    draw = partial(
        ablation_figures.effects,
        analysis.effects,
        rules.rope * unit.factor,
        unit.factor,
        f"difference in gain ({unit.difference})",
    )
    caption = (
        f"Difference in gain over CE from the reference level, n = {analysis.seeds} evolution "
        f"seeds; bars: {100 * (1 - rules.alpha):g} % t intervals, not "
        f"corrected; grey: ROPE, {PLUS_MINUS}{unit.value(rules.rope)} {unit.difference}. Filled: "
        f"better or worse after Holm over {counted(len(analysis.effects), 'effect')}; positive "
        "favours the level."
    )
    return Picture("effects", draw, caption, title="Main effects", is_wide=False)


def interactions_picture(analysis: Analysis, metric: str) -> Picture | None:
    """Mean gains by pairs of settings; None where the design cannot show interactions."""
    pairs = _setting_pairs(analysis)
    if not pairs:
        return None
    unit = unit_of(metric)
    draw = partial(
        ablation_figures.interactions,
        analysis.runs,
        pairs,
        analysis.levels,
        unit.factor,
        f"gain over CE ({unit.difference})",
    )
    caption = (
        f"Mean gain over CE by two settings, averaged over the others; n = {analysis.seeds} "
        "evolution seeds per point; bars: 95 % t intervals of each mean by itself, not paired, "
        "not corrected; higher is better. Lines that are not parallel suggest an interaction; "
        "the analysis of variance tests it."
    )
    return Picture("interactions", draw, caption, title="Interactions", is_wide=False)


def _setting_pairs(analysis: Analysis) -> list[tuple[str, str]]:
    names = [name for name in analysis.factors if len(analysis.levels[name]) > 1]
    # Variants against budgets have a figure of their own.
    pairs = [pair for pair in combinations(names, 2) if set(pair) != {VARIANT, BUDGET}]
    return pairs[:MAX_PAIRS] if analysis.terms else []


def _maps(analysis: Analysis, metric: str) -> Section | None:
    pairs = [pair for pair in _setting_pairs(analysis) if _are_grids(analysis, pair)]
    if not pairs:
        return None
    pictures = [_heat_map(analysis, pair, metric) for pair in pairs]
    return Section("maps", "Gain by two settings", pictures=pictures)


def _are_grids(analysis: Analysis, pair: tuple[str, str]) -> bool:
    """Whether both settings are numbers with enough levels for a map."""
    levels = [analysis.levels[name] for name in pair if name != BUDGET]
    return len(levels) == 2 and all(
        len(own) >= MIN_MAP_LEVELS and all(_is_number(level) for level in own) for own in levels
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _heat_map(analysis: Analysis, pair: tuple[str, str], metric: str) -> Picture:
    unit = unit_of(metric)
    draw = partial(
        ablation_figures.heat_map, analysis.runs, pair, analysis.levels, unit.factor,
        f"gain over CE ({unit.difference})",
    )  # fmt: skip
    caption = (
        f"Mean gain over CE by {short(pair[0])} and {short(pair[1])}, averaged over the other "
        f"settings; n = {analysis.seeds} evolution seeds per cell, with half of each mean's 95 % t "
        "interval, not paired, not corrected. The best of many cells is an optimistic estimate."
    )
    return Picture(f"map_{short(pair[0])}_{short(pair[1])}", draw, caption)


def _families(analysis: Analysis, metric: str, rules: Rules) -> Section | None:
    if len(analysis.families) < 2 or analysis.by_family.empty:
        return None
    unit = unit_of(metric)
    draw = partial(
        ablation_figures.by_family,
        analysis.by_family,
        rules.rope * unit.factor,
        unit.factor,
        f"difference in gain ({unit.difference})",
    )
    caption = (
        f"The same differences on each family of judging tasks, n = {analysis.seeds} evolution "
        "seeds; bars: 95 % t intervals, not corrected; grey: ROPE; positive favours the level. "
        "Descriptive: a claim about new families needs at least 6 of them."
    )
    return Section(
        "families", "By family", pictures=[Picture("by_family", draw, caption)], is_folded=True,
        about=f"the same differences on each of {len(analysis.families)} families of tasks",
    )  # fmt: skip


def _cells(analysis: Analysis, metric: str) -> Section:
    unit = unit_of(metric)
    ordered = analysis.cells.sort_values("mean", ascending=False, kind="stable")
    shown = [
        [*[str(row[name]) for name in analysis.factors], str(row["n"]),
         unit.spread(row["mean"], row["sd"])]
        for row in ordered.to_dict("records")
    ]  # fmt: skip
    table = Table(
        name="cells",
        title="All cells",
        caption=(
            f"Gain over CE, mean {PLUS_MINUS} standard deviation over n evolution seeds (each the "
            f"mean over {counted(len(analysis.families), 'family', 'families')}), in "
            f"{unit.difference}; higher is better. By mean; nothing is tested here."
        ),
        numbers=ordered,
        shown=pd.DataFrame(shown, columns=[*map(short, analysis.factors), "n", "gain"]),
    )
    return Section(
        "cells", "Cells", tables=[table], is_folded=True,
        about=f"the mean gain of each of {len(ordered)}",
    )  # fmt: skip


def _missing(analysis: Analysis) -> Section | None:
    if analysis.missing.empty:
        return None
    table = plain_frame("missing", "Missing gains", "One per row.", analysis.missing)
    return Section(
        "outcomes", "Missing", tables=[table], is_folded=True,
        about=counted(len(analysis.missing), "gain"),
    )  # fmt: skip


def _rows(analysis: Analysis, gains: pd.DataFrame) -> Section:
    starts = gains.groupby("slot", sort=True).indices
    records = []
    for label, (slot, places) in zip(analysis.cells["label"], starts.items(), strict=False):
        first, last = int(np.min(places)) + 2, int(np.max(places)) + 2
        records.append((slot, label, first, last, f"sed -n '1p;{first},{last}p' rows.csv"))
    frame = pd.DataFrame(records, columns=["slot", "cell", "first line", "last line", "command"])
    table = plain_frame(
        "blocks", "Rows behind the numbers", "Lines of rows.csv.", frame, in_latex=False
    )
    text = [f"rows.csv has all {counted(len(gains), 'gain')}, one per line."]
    return Section(
        "rows", "Rows behind the numbers", text, [table], is_folded=True,
        about="which lines of rows.csv a cell is the mean of",
    )  # fmt: skip
