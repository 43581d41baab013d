"""From a store to a report: one HTML page, JSON, CSV, LaTeX and SVG files."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bench.experiment import Experiment
from bench.store import Store
from reports import summary
from reports.compare import Comparison, compare, finite
from reports.findings import findings, verdict_counts
from reports.load import ReportData, load
from reports.material import Material, Section
from reports.plotting import svg
from reports.protocol import protocol, reproduction
from reports.sections import sections
from reports.tables import counts
from reports.verdict import LABELS
from reports.wording import p_cell, unit_of
from reports.writing import inline, write_files


@dataclass(frozen=True)
class ReportPaths:
    """Where a report was written."""

    directory: Path
    html: Path
    json: Path
    rows: Path
    tables: tuple[Path, ...]
    figures: tuple[Path, ...]


@dataclass(frozen=True)
class Report:
    """A written report: its comparisons, the refused ones among them, and its sentences."""

    data: ReportData
    comparisons: tuple[Comparison, ...]
    findings: tuple[str, ...]
    paths: ReportPaths

    @property
    def refusals(self) -> tuple[Comparison, ...]:
        """Comparisons that the gate refused."""
        return tuple(item for item in self.comparisons if item.verdict == "refused")

    @property
    def missing(self) -> tuple[dict[str, Any], ...]:
        """Planned runs without a result, as report.json lists them."""
        return tuple(records(self.data.missing))

    @property
    def primary(self) -> tuple[Comparison, ...]:
        """The primary family."""
        return tuple(item for item in self.comparisons if item.family == "primary")


def write_report(
    store: Store, experiment: Experiment, out_dir: str | Path, commands: Sequence[str] = ()
) -> Report:
    """Read an experiment's results and write its report to `out_dir`.

    `commands` are the command lines that reproduce it. Raises InputError where there is nothing
    to report or the folder cannot be written.
    """
    return render(load(store, experiment), Path(out_dir), commands)


def render(data: ReportData, out_dir: Path, commands: Sequence[str] = ()) -> Report:
    """Write report.html, report.json, rows.csv, tables/ and figures/; each file atomically.

    The files are a pure function of `data` and `commands`.
    """
    comparisons = compare(data)
    claims = summary.method_claims(data)
    material = Material(data, comparisons, claims, summary.across_tasks(data))
    sentences = findings(data, comparisons, claims)
    shown = sections(material)
    files: dict[str, str] = {}
    drawings: dict[str, Markup] = {}
    for section in shown:
        for picture in section.pictures:
            files[f"figures/{picture.name}.svg"] = svg(picture.figure)
            drawings[picture.name] = inline(files[f"figures/{picture.name}.svg"], picture.name)
        for table in (*section.tables, *section.folded):
            files[f"tables/{table.name}.csv"] = table.csv()
            files[f"tables/{table.name}.tex"] = table.latex()
    files["rows.csv"] = data.rows.to_csv(index=False, lineterminator="\n")
    files["report.json"] = _json(material, sentences, commands)
    files["report.html"] = _html(material, sentences, shown, drawings, commands)
    write_files(out_dir, files)
    return Report(data, tuple(comparisons), tuple(sentences), _paths(out_dir, files))


def verdict_rows(report: Report) -> list[dict[str, str]]:
    """The primary comparisons as text, one dict per row, for a table on a terminal."""
    rows = []
    for item in report.primary:
        unit = unit_of(item.metric)
        interval = f"[{unit.value(item.ci_low)}, {unit.value(item.ci_high)}]"
        rows.append(
            {
                "task": item.task,
                "candidate": item.candidate,
                "baseline": item.baseline,
                f"difference ({unit.difference})": unit.gain(item.mean_difference),
                "interval": interval if item.ci_low is not None else unit.value(None),
                "Holm p": p_cell(item.p_holm),
                "verdict": _with_reason(item),
            }
        )
    return rows


def _with_reason(item: Comparison) -> str:
    label = LABELS[item.verdict]
    return f"{label}: {item.reason}" if item.verdict == "refused" else label


def _json(material: Material, sentences: Sequence[str], commands: Sequence[str]) -> str:
    data, report = material.data, material.data.experiment.report
    experiment = data.experiment
    document = {
        "experiment": experiment.name,
        "description": experiment.description,
        "metric": report.metric,
        "direction": report.direction,
        "rope": report.rope,
        "alpha": report.alpha,
        "worst": report.worst,
        "baselines": list(report.baselines),
        "candidates": list(data.candidates),
        "seeds": experiment.benchmark.seeds if experiment.benchmark else 0,
        "findings": list(sentences),
        "verdicts": verdict_counts(material.primary),
        "comparisons": [item.as_json() for item in material.comparisons],
        "method": [claim._asdict() for claim in material.claims],
        "across_tasks": records(material.across.table) if material.across else [],
        "missing": records(data.missing),
        "outcomes": records(counts(data)),
        "tuning": records(data.choices),
        "evolutions": records(data.evolutions),
        "importances": records(data.importances),
        "provenance": {**data.provenance, "commands": list(commands), **reproduction(data)},
    }
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A frame's rows as plain JSON values; NaN becomes None."""
    return [
        {str(name): _plain(value) for name, value in row.items()}
        for row in frame.to_dict("records")
    ]


def _plain(value: Any) -> Any:
    return finite(value.item() if isinstance(value, np.generic) else value)


def _html(
    material: Material,
    sentences: Sequence[str],
    shown: Sequence[Section],
    drawings: dict[str, Markup],
    commands: Sequence[str],
) -> str:
    data = material.data
    environment = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    unit = unit_of(data.experiment.report.metric)
    refused: dict[str, int] = {}
    for item in material.comparisons:
        if item.verdict == "refused":
            refused[item.reason] = refused.get(item.reason, 0) + 1
    text = environment.get_template("report.html.j2").render(
        experiment=data.experiment,
        sentences=sentences,
        sections=shown,
        drawings=drawings,
        primary=material.primary,
        baselines=list(dict.fromkeys(item.baseline for item in material.primary)),
        verdicts=_verdict_matrix(material.primary),
        labels=LABELS,
        unit=unit,
        refused=refused,
        missing=len(data.missing),
        diverged=int((data.rows["status"] == "diverged").sum()),
        planned=len(data.rows) + int((data.missing["reason"] == "not run yet").sum()),
        mixed=data.provenance.get("mixed_processors", 0),
        protocol=protocol(data),
        facts=reproduction(data),
        commands=commands,
        provenance=data.provenance,
    )
    return text + "\n"


def _verdict_matrix(primary: Sequence[Comparison]) -> list[dict[str, Any]]:
    """One row per task and candidate with a comparison (or None) per baseline."""
    baselines = dict.fromkeys(item.baseline for item in primary)
    found = {(item.task, item.candidate, item.baseline): item for item in primary}
    rows: list[dict[str, Any]] = []
    for task, candidate in dict.fromkeys((item.task, item.candidate) for item in primary):
        cells = [found.get((task, candidate, baseline)) for baseline in baselines]
        first = not rows or rows[-1]["task"] != task
        rows.append({"task": task, "candidate": candidate, "cells": cells, "first": first})
    return rows


def _paths(out_dir: Path, files: dict[str, str]) -> ReportPaths:
    return ReportPaths(
        directory=out_dir,
        html=out_dir / "report.html",
        json=out_dir / "report.json",
        rows=out_dir / "rows.csv",
        tables=tuple(out_dir / name for name in files if name.startswith("tables/")),
        figures=tuple(out_dir / name for name in files if name.startswith("figures/")),
    )
