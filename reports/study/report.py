"""The study report: what tuning bought, what mattered, and what it cost.

The winner (an experiment with the settings that its study found) and the default (the same
experiment without them) evolved fresh losses from fresh seeds and were benchmarked on the same
test seeds. Run k of both shares its evolution seed, and both share initial weights and batches.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bench.experiment.model import Experiment
from bench.store.store import Store
from reports.page.facts import facts, reproduction
from reports.page.model import Page
from reports.page.wording import counted, listed, unit_of
from reports.page.write import ReportPaths, records, write_page
from reports.study import sections as study_sections
from reports.study.data import StudyData, best_trial, load_study
from reports.study.gains import Gain, bought, gain_table

WINNER, DEFAULT = "winner", "default"


@dataclass(frozen=True)
class StudyReport:
    """A written report."""

    data: StudyData
    gains: tuple[Gain, ...]
    findings: tuple[str, ...]
    warnings: tuple[str, ...]
    paths: ReportPaths


def write_study(
    store: Store,
    winner: Experiment,
    default: Experiment | None,
    out_dir: str | Path,
    commands: Sequence[str] = (),
) -> StudyReport:
    """Read a study and write its report. Raises InputError as `load_study`."""
    return render_study(load_study(store, winner, default), Path(out_dir), commands)


def render_study(data: StudyData, out_dir: Path, commands: Sequence[str] = ()) -> StudyReport:
    """Write the report's files; they are a pure function of `data` and `commands`."""
    gains = bought(data)
    found, warned = findings(data, gains), warnings(data, gains)
    source = data.winner or data.default
    page = Page(
        kind="study",
        name=data.study,
        description=data.experiment.description,
        warnings=warned,
        findings=found,
        head=[gain_table(data, gains)] if gains else [],
        note="",
        sections=study_sections.sections(data, gains),
        methods=methods(data, gains),
        facts=facts(
            data.experiment,
            data.experiment.fingerprint(),
            source.provenance["cells"] if source else {},
            source.provenance["run"] if source else {},
        ),
        commands=commands,
        document=_document(data, gains, found, warned, commands),
        rows=rows_of(data).to_csv(index=False, lineterminator="\n"),
    )
    return StudyReport(data, tuple(gains), tuple(found), tuple(warned), write_page(page, out_dir))


def rows_of(data: StudyData) -> pd.DataFrame:
    """All rows of both benchmarks, with the column `settings`; without any, the trials."""
    parts = [
        part.rows.assign(settings=name)
        for name, part in ((WINNER, data.winner), (DEFAULT, data.default))
        if part is not None
    ]
    return pd.concat(parts, ignore_index=True) if parts else data.trials


def findings(data: StudyData, gains: Sequence[Gain]) -> list[str]:
    """What tuning bought, in sentences."""
    unit = unit_of(data.experiment.report.metric)
    found = [gain.decision.sentence for gain in gains]
    best = best_trial(data)
    if best:
        found.append(
            f"Best of {counted(len(data.trials), 'trial')}: trial {best['number']} with a gain of "
            f"{unit.gain(best['value'])} {unit.difference} over tuned CE on the study's own tasks; "
            "the best of many trials is an optimistic estimate."
        )
    top = data.importances.head(3)
    if len(top):
        parts = [f"{row.name} ({row.share:.2f})" for row in top.itertuples(index=False, name="R")]
        few = "" if len(data.trials) >= 50 else "; below 50 trials this is no evidence"
        found.append(f"Most important settings: {listed(parts)}{few}.")
    return found


def warnings(data: StudyData, gains: Sequence[Gain]) -> list[str]:
    """What a reader must know first."""
    found = []
    if not gains:
        found.append(
            "What tuning bought is not known: run the benchmark with the winner's settings and "
            "with the default ones, and report both."
        )
    refused: dict[str, int] = {}
    for gain in gains:
        if gain.decision.verdict == "refused":
            refused[gain.decision.reason] = refused.get(gain.decision.reason, 0) + 1
    found += [f"{counted(n, 'comparison')} refused: {reason}." for reason, n in refused.items()]
    failed = int(data.trials["state"].isin(["fail", "failed"]).sum())
    if failed:
        found.append(f"{failed} of {counted(len(data.trials), 'trial')} failed.")
    for part in (data.winner, data.default):
        if part is not None and len(part.missing):
            found.append(f"{part.experiment.name}: {len(part.missing)} runs missing or failed.")
    return found


def methods(data: StudyData, gains: Sequence[Gain]) -> list[str]:
    """The methods paragraphs, with citations."""
    spent = int(data.trials["member_steps"].sum())
    first = (
        f"The settings of the evolution (Adaptive Meta-Loss Networks [@yunita2026]) were tuned "
        f"with Optuna [@akiba2019] in {counted(len(data.trials), 'trial')} and {spent:,} "
        "member-steps; a trial's value is the gain of its evolved loss over tuned cross-entropy "
        "on tasks and seeds of the study's own. Importances are after PED-ANOVA [@watanabe2023]."
    )
    if not gains:
        return [first]
    runs, seeds = gains[0].gains.shape
    second = (
        f"The winner's and the default settings then evolved {runs} losses each from fresh "
        f"seeds, run k of both from the same one, and were benchmarked on {seeds} test seeds with "
        "the same initial weights and batches. The difference treats runs and seeds as crossed "
        "random factors [@clark1973]; p is the larger of that test's and of a sign-flip test over "
        "runs [@fisher1935], corrected after Holm [@holm1979] over tasks."
    )
    return [first, second]


def _document(
    data: StudyData,
    gains: Sequence[Gain],
    found: Sequence[str],
    warned: Sequence[str],
    commands: Sequence[str],
) -> dict[str, Any]:
    report = data.experiment.report
    return {
        "kind": "study",
        "experiment": data.experiment.name,
        "study": data.study,
        "metric": report.metric,
        "direction": report.direction,
        "rope": report.rope,
        "alpha": report.alpha,
        "warnings": list(warned),
        "findings": list(found),
        "bought": records(gain_table(data, gains).numbers) if gains else [],
        "best": best_trial(data),
        "trials": records(data.trials),
        "importances": records(data.importances),
        "member_steps": int(data.trials["member_steps"].sum()),
        "provenance": {
            "fingerprint": data.experiment.fingerprint(),
            "commands": list(commands),
            **reproduction(data.experiment),
        },
    }
