"""The study report: what tuning gained, what mattered, and what it cost.

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
from reports.page.described import task_section
from reports.page.facts import facts, reproduction
from reports.page.model import Page
from reports.page.write import ReportPaths, records, write_page
from reports.study import head
from reports.study.confirmed import records as confirmed_records
from reports.study.data import StudyData, load_study
from reports.study.findings import findings, methods, warnings
from reports.study.gains import Gain, gain_table, gains_of
from reports.study.sections import sections

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
    """Read a study and write its report to `out_dir`.

    Raises InputError as `load_study`, or where the folder cannot be written.
    """
    return render_study(load_study(store, winner, default), Path(out_dir), commands)


def render_study(data: StudyData, out_dir: Path, commands: Sequence[str] = ()) -> StudyReport:
    """Write the report's files; they are a pure function of `data` and `commands`.

    Raises InputError where the folder cannot be written.
    """
    gains = gains_of(data)
    sentences, warned = findings(data, gains), warnings(data, gains)
    source = data.winner or data.default
    page = Page(
        kind="study",
        name=data.study,
        description=data.experiment.description,
        answer=head.answer(data, gains),
        grid=head.grid(data, gains),
        beside=head.pictures(data, gains),
        caveats=warned,
        findings=sentences,
        note="",
        sections=[*sections(data, gains), task_section(data.descriptions)],
        methods=methods(data, gains),
        facts=facts(
            data.experiment,
            data.experiment.fingerprint(),
            source.provenance["cells"] if source else {},
            source.provenance["run"] if source else {},
        ),
        commands=commands,
        document=_document(data, gains, sentences, warned, commands),
        rows=rows_of(data).to_csv(index=False, lineterminator="\n"),
    )
    paths = write_page(page, out_dir)
    return StudyReport(data, tuple(gains), tuple(sentences), tuple(warned), paths)


def rows_of(data: StudyData) -> pd.DataFrame:
    """All rows of both benchmarks, with the column `settings`; without any, the trials."""
    parts = [
        part.rows.assign(settings=name)
        for name, part in ((WINNER, data.winner), (DEFAULT, data.default))
        if part is not None
    ]
    return pd.concat(parts, ignore_index=True) if parts else data.trials


def _document(
    data: StudyData,
    gains: Sequence[Gain],
    sentences: Sequence[str],
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
        "answer": head.answer(data, gains),
        "warnings": list(warned),
        "findings": list(sentences),
        "gains": records(gain_table(data, gains).numbers) if gains else [],
        "confirmed": confirmed_records(data.confirmation) if data.confirmation else [],
        "best": dict(data.best),
        "front": [dict(trial) for trial in data.front],
        "trials": records(data.trials),
        "importances": records(data.importances),
        "tasks": [each.as_json() for each in data.descriptions],
        "member_steps": int(data.trials["member_steps"].sum()),
        "provenance": {
            "fingerprint": data.experiment.fingerprint(),
            "commands": list(commands),
            **reproduction(data.experiment),
        },
    }
