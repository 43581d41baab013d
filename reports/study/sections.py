"""Sections of the study report: what tuning gained, the search, importances, response, cost."""

import math
from collections.abc import Sequence
from functools import partial
from itertools import combinations

import pandas as pd

from bench.experiment.overrides import override_text
from reports.data.model import rules_of
from reports.figures import evolution as evolution_figures
from reports.page.model import Picture, Section
from reports.page.table import Table, plain_frame, trials_table
from reports.page.wording import DASH, PLUS_MINUS, counted, unit_of
from reports.study import figures as study_figures
from reports.study.confirmed import confirmed_section
from reports.study.data import MIN_TRIALS, StudyData
from reports.study.gains import Gain, gain_table
from reports.study.two_objectives import front_section
from reports.verdicts.verdict import Rules

USUAL = ("population", "mutation_sigma", "switch_point")
"""Settings whose response is drawn first, by the last part of their keys."""

MIN_MAP_TRIALS = 4
"""Trials that have both settings of a map."""


def sections(data: StudyData, gains: Sequence[Gain]) -> list[Section]:
    """All sections, in their order."""
    # What a confirmation reports are instances, in no order of a search.
    searched = data.confirmation is None
    optional = [
        _gains(data, gains),
        _confirmed(data),
        front_section(data),
        _settings(data),
        *((_response(data), _search(data, not gains)) if searched else ()),
        _cost(data),
    ]
    return [section for section in optional if section is not None]


def _confirmed(data: StudyData) -> Section | None:
    if data.confirmation is None:
        return None
    report = data.experiment.report
    rules = Rules("maximise", report.rope, report.alpha)
    return confirmed_section(data.confirmation, report.metric, rules)


def gains_picture(data: StudyData, gains: Sequence[Gain]) -> Picture | None:
    """Winner minus default per task, run by run; None where the two were not benchmarked."""
    if not gains or data.winner is None:
        return None
    report = data.experiment.report
    unit = unit_of(report.metric)
    runs, seeds = gains[0].differences.shape
    draw = partial(
        study_figures.gains,
        [(gain.task, gain.differences.mean(axis=1), gain.crossed) for gain in gains],
        report.rope * unit.factor,
        unit.factor,
        f"winner minus default, {report.metric} ({unit.difference})",
    )
    good = "positive" if rules_of(data.winner).sign > 0 else "negative"
    caption = (
        f"Winner minus default on fresh seeds: small points the n = {runs} evolution runs (mean "
        f"over {seeds} test seeds), bar the {100 * (1 - report.alpha):g} % t interval for crossed "
        f"runs and seeds, not corrected; grey: ROPE, {PLUS_MINUS}{unit.value(report.rope)}; "
        f"{good} values favour the winner."
    )
    return Picture("gains", draw, caption, "What tuning gained", is_wide=False)


def _gains(data: StudyData, gains: Sequence[Gain]) -> Section | None:
    if not gains:
        return None
    return Section("gains", "What tuning gained", tables=[gain_table(data, gains)])


def _settings(data: StudyData) -> Section | None:
    if not data.best or not data.parameters:
        return None
    settings = data.default.experiment.evolution if data.default else None
    chosen = {name: data.best[name] for name in data.parameters if _is_used(data.best[name])}
    frame = pd.DataFrame(
        [
            {
                "setting": name,
                "default": _setting_of(settings, name) if settings else None,
                "winner": data.best[name],
            }
            for name in data.parameters
        ]
    )
    table = plain_frame(
        "settings",
        "Settings",
        "Of the best trial, and of the default where it was reported beside it; a dash: not used.",
        frame,
    )
    text = ["To use the chosen settings in another experiment, add to its command:"]
    code = " \\\n".join(override_text(_key(name), _whole(chosen[name])) for name in chosen)
    return Section("settings", "The chosen settings", text, folded=[table], code=code)


def _is_used(value: object) -> bool:
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def _key(name: str) -> str:
    """A setting's key as a TOML has it; a bare name is one of the evolution's settings."""
    return name if "." in name else f"evolution.settings.{name}"


def _whole(value: object) -> object:
    """A whole number that a frame holds as a float is one again."""
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e15
    return int(value) if is_whole else value  # type: ignore[call-overload]


def _setting_of(section: object, name: str) -> object:
    """A dotted setting of an evolution; a bare name is one of its settings."""
    parts = name.removeprefix("evolution.").split(".")
    if len(parts) == 1 and not hasattr(section, parts[0]):
        section = getattr(section, "settings", None)
    for part in parts:
        section = getattr(section, part, None)
    return section


def search_picture(data: StudyData) -> Picture:
    """The value of every trial and of what it reported on its way."""
    excluded = data.excluded["number"].tolist()
    draw = partial(
        evolution_figures.study_progress, data.trials, data.intermediate, 100.0, excluded
    )
    caption = (
        "Value (gain over tuned CE in points, higher is better) of each trial and of its "
        f"intermediate reports, on the study's own tasks. n = "
        f"{counted(len(data.trials), 'trial')}; no error bars, since each trial is one value."
        + (" Hollow: infeasible, and so never the best." if excluded else "")
    )
    return Picture("study", draw, caption, "The search", is_wide=False)


def _search(data: StudyData, is_drawn_above: bool) -> Section:
    caption = "Value: gain over tuned CE in points; cost in member-steps."
    table = trials_table(data.trials, caption)
    pictures = [] if is_drawn_above else [search_picture(data)]
    return Section(
        "search", "The search", [], [table], pictures, is_folded=True,
        about=f"{counted(len(data.trials), 'trial')}, with their settings and gains",
    )  # fmt: skip


def importances_picture(data: StudyData) -> Picture | None:
    """The share of every setting; None where they are not known."""
    if data.importances.empty:
        return None
    caption = (
        "Share of each setting in reaching the best trials (PED-ANOVA), estimated from n = "
        f"{counted(len(data.trials), 'trial')}; below {MIN_TRIALS} trials it is no evidence, and a "
        "setting looks unimportant where the sampler has concentrated. No bars, no test."
    )
    draw = partial(evolution_figures.parameter_importances, data.importances)
    return Picture("importances", draw, caption, "What mattered", is_wide=False)


def _response(data: StudyData) -> Section | None:
    complete = data.complete
    ranked = [name for name in data.importances["name"] if name in complete] or data.parameters
    names = [name for name in ranked if len(set(complete[name].dropna())) > 1][:6]
    if not names:
        return None
    draw = partial(study_figures.response, complete, names, data.best.get("slot"), 100.0)
    caption = (
        f"Value of every complete trial (n = {len(complete)}; gain over CE in points, higher is "
        "better) by each setting. The sampler chose where to look: gaps are not evidence, and no "
        "curve is fitted. Ring: the chosen trial. No bars, no test."
    )
    scatter = Picture("response", draw, caption, "Gain by each setting", is_wide=False)
    maps = _maps(data, names)
    pictures, folded = ([maps], [scatter]) if maps else ([scatter], [])
    return Section("response", "Response to the settings", pictures=pictures, folded=folded)


def _maps(data: StudyData, ranked: Sequence[str]) -> Picture | None:
    """Gain by pairs of population, mutation sigma and switch point, or of what mattered most."""
    complete = data.complete
    numeric = [name for name in data.parameters if study_figures.is_swept(complete[name])]
    usual = [name for last in USUAL for name in numeric if name.rpartition(".")[2] == last]
    chosen = list(dict.fromkeys([*usual, *(name for name in ranked if name in numeric)]))[:3]
    # A map needs trials in which both settings have an effect.
    pairs = [
        pair
        for pair in combinations(chosen, 2)
        if complete[list(pair)].notna().all(axis="columns").sum() >= MIN_MAP_TRIALS
    ]
    if not pairs:
        return None
    draw = partial(study_figures.response_maps, complete, pairs, 100.0)
    caption = (
        f"Mean gain over CE in points (higher is better) of the n = {len(complete)} complete "
        "trials by two settings at a time, in at most four classes each; in brackets the trials "
        "of a cell. An empty cell was not tried. The sampler chose where to look, so that cells "
        "are no fair sample: no bars, no test."
    )
    return Picture("response_maps", draw, caption, "Gain by two settings", is_wide=False)


def _cost(data: StudyData) -> Section:
    spent = int(data.trials["member_steps"].sum())
    lines = [("study", spent, len(data.trials))]
    for name, part in (
        ("winner's evolutions", data.winner),
        ("default's evolutions", data.default),
    ):
        if part is not None and len(part.evolutions):
            steps = int(part.evolutions["member_steps"].sum())
            lines.append((name, steps, len(part.evolutions)))
    frame = pd.DataFrame(lines, columns=["what", "member_steps", "runs"])
    shown = pd.DataFrame(
        [[row[0], f"{row[1]:,}" if row[1] else DASH, str(row[2])] for row in lines],
        columns=["what", "member-steps", "trials or runs"],
    )
    each = spent / max(int(data.winner.evolutions["member_steps"].mean()), 1) if (
        data.winner is not None and len(data.winner.evolutions)
    ) else None  # fmt: skip
    text = [
        "A member-step is one gradient step of one learner."
        + (f" The study cost as much as {each:.1f} evolutions." if each else "")
    ]
    table = Table("cost", "Cost", "Member-steps spent in all.", frame, shown)
    return Section(
        "cost", "Cost", text, [table], is_folded=True, about=f"{spent:,} member-steps of trials"
    )
