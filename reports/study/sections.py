"""Sections of the study report: what tuning gained, the search, importances, response, cost."""

from collections.abc import Sequence
from functools import partial

import pandas as pd

from reports.data.model import rules_of
from reports.figures import evolution as evolution_figures
from reports.page.model import Picture, Section
from reports.page.table import Table, plain_frame
from reports.page.wording import DASH, PLUS_MINUS, counted, unit_of
from reports.study import figures as study_figures
from reports.study.confirmed import confirmed_section
from reports.study.data import MIN_TRIALS, StudyData
from reports.study.gains import Gain
from reports.study.two_objectives import front_section
from reports.verdicts.verdict import Rules


def sections(data: StudyData, gains: Sequence[Gain]) -> list[Section]:
    """All sections, in their order."""
    # What a confirmation reports are instances, in no order of a search.
    searched = data.confirmation is None
    optional = [
        _gains(data, gains),
        _confirmed(data),
        front_section(data),
        _settings(data),
        *((_search(data), _importances(data), _response(data)) if searched else ()),
        _cost(data),
    ]
    return [section for section in optional if section is not None]


def _confirmed(data: StudyData) -> Section | None:
    if data.confirmation is None:
        return None
    report = data.experiment.report
    rules = Rules("maximise", report.rope, report.alpha)
    return confirmed_section(data.confirmation, report.metric, rules)


def _gains(data: StudyData, gains: Sequence[Gain]) -> Section | None:
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
    return Section("gains", "What tuning gained", pictures=[Picture("gains", draw, caption)])


def _settings(data: StudyData) -> Section | None:
    if not data.best or not data.parameters:
        return None
    settings = data.default.experiment.evolution if data.default else None
    frame = pd.DataFrame(
        [
            {
                "setting": name,
                "winner": data.best[name],
                "default": _setting_of(settings, name) if settings else None,
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
    return Section("settings", "The winner's settings", tables=[table])


def _setting_of(section: object, name: str) -> object:
    """A dotted setting of an evolution; a bare name is one of its settings."""
    parts = name.removeprefix("evolution.").split(".")
    if len(parts) == 1 and not hasattr(section, parts[0]):
        section = getattr(section, "settings", None)
    for part in parts:
        section = getattr(section, part, None)
    return section


def _search(data: StudyData) -> Section:
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
    table = plain_frame(
        "trials", "Trials", "Value: gain over CE (fraction). Cost: member-steps.", data.trials
    )
    return Section(
        "search", "The search", pictures=[Picture("study", draw, caption)], folded=[table]
    )


def _importances(data: StudyData) -> Section | None:
    if data.importances.empty:
        return None
    caption = (
        "Share of each setting in reaching the best trials (PED-ANOVA), estimated from n = "
        f"{counted(len(data.trials), 'trial')}; below {MIN_TRIALS} trials it is no evidence, and a "
        "setting looks unimportant where the sampler has concentrated. No bars, no test."
    )
    draw = partial(evolution_figures.parameter_importances, data.importances)
    return Section("importances", "Importances", pictures=[Picture("importances", draw, caption)])


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
        "curve is fitted. No bars, no test."
    )
    return Section("response", "Response", pictures=[Picture("response", draw, caption)])


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
    return Section("cost", "Cost", text, [table])
