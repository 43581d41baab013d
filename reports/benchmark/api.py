"""The statistics for anyone's results: from a table of scores to verdicts, in one call."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from html import escape
from pathlib import Path

import pandas as pd

from reports.benchmark.caveats import warnings
from reports.benchmark.findings import findings
from reports.benchmark.material import Material
from reports.benchmark.report import (
    MANY_ROWS,
    Report,
    material_of,
    verdict_rows,
    write_material,
)
from reports.data.given.data import GivenData, given
from reports.data.given.table import ResultTable, of_frame, read_table
from reports.data.given.terms import Terms
from reports.figures.palette import VERDICT_INK
from reports.page.drawing import drawing_processes
from reports.page.write import ReportPaths
from reports.verdicts.kinds import VERDICTS

__all__ = ["SignificanceReport", "Terms", "significance"]

FIRST = ["task", "learner", "candidate", "baseline", "metric", "policy", "n", "mean_difference",
         "ci_low", "ci_high", "p", "p_holm", "dz", "p_better", "verdict"]  # fmt: skip
MAX_SHOWN = 60
"""Comparisons that a notebook shows; `comparisons` has all."""


@dataclass(frozen=True)
class SignificanceReport:
    """Every comparison of given results, judged; in a notebook it shows the primary ones."""

    material: Material

    @property
    def data(self) -> GivenData:
        """The results as the report reads them."""
        data = self.material.data
        if not isinstance(data, GivenData):
            raise TypeError("not a report of given results")
        return data

    @cached_property
    def comparisons(self) -> pd.DataFrame:
        """One row for each comparison, the primary family first: the fields of report.json.

        Differences and limits are candidate minus baseline, in the metric's own units.
        """
        frame = pd.DataFrame([item.as_json() for item in self.material.comparisons])
        return frame[[*FIRST, *(name for name in frame if name not in FIRST)]]

    @cached_property
    def missing(self) -> pd.DataFrame:
        """Runs that the results lack: task, learner, loss, seed, policy, reason."""
        return self.data.missing

    @cached_property
    def findings(self) -> tuple[str, ...]:
        """What was found, in sentences."""
        material = self.material
        return tuple(findings(material.data, material.comparisons, material.claims))

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know first: refusals, missing and diverged runs."""
        return tuple(warnings(self.material))

    def write(
        self, folder: str | Path, commands: Sequence[str] = (), *, workers: int = 1
    ) -> ReportPaths:
        """Write report.html, report.json, rows.csv, tables and figures into a folder.

        commands: the command lines that reproduce it. workers: processes that draw the figures of
        a large report. Raises InputError where the folder cannot be written.
        """
        return self.written(folder, commands, workers=workers).paths

    def written(
        self, folder: str | Path, commands: Sequence[str] = (), *, workers: int = 1
    ) -> Report:
        """As `write`; the report with its verdicts."""
        count = workers if len(self.data.rows) >= MANY_ROWS else 1
        with drawing_processes(count) as executor:
            return write_material(self.material, Path(folder), commands, executor)

    def __repr__(self) -> str:
        """The findings as text."""
        return "\n".join([*(f"! {line}" for line in self.warnings), *self.findings])

    def _repr_html_(self) -> str:
        """The primary verdicts as a notebook shows them."""
        data = self.data
        rows = verdict_rows(self.material)
        head = "".join(f"<th>{escape(name)}</th>" for name in (rows[0] if rows else ()))
        body = "".join(
            "<tr>" + "".join(_cell(*item, verdict) for item in row.items()) + "</tr>"
            for row, verdict in zip(
                rows[:MAX_SHOWN], (item.verdict for item in self.material.primary), strict=False
            )
        )
        more = f"<p>The first {MAX_SHOWN} of {len(rows)} comparisons; <code>comparisons</code> " \
               "has all.</p>" if len(rows) > MAX_SHOWN else ""  # fmt: skip
        warned = "".join(f"<li><b>{escape(line)}</b></li>" for line in self.warnings)
        found = "".join(f"<li>{escape(line)}</li>" for line in self.findings)
        return (
            f"<div><p>{escape(data.experiment.description)}</p><ul>{warned}{found}</ul>"
            f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}</div>"
        )


def significance(
    results: pd.DataFrame | str | Path,
    metric: str | None = None,
    baselines: Sequence[str] = (),
    *,
    rope: float | None = None,
    curves: pd.DataFrame | str | Path | None = None,
    terms: Terms | None = None,
) -> SignificanceReport:
    """Judge losses by results that were computed anywhere: one row per trained learner.

    results: a frame or a CSV or Parquet file with the columns task, loss, seed and a metric, and
    if there are any learner, status, lr, parameter, inner ... (`reports.data.given.data.given`).
    Rows with the same task, learner and seed are paired. metric: the compared column, needed
    where several could be it. baselines: the losses to compare with, by default ce and mse. rope:
    the difference, +-, that is practically none, in the metric's unit. curves: a table with the
    columns task, loss, seed, step and a metric. terms: all else that can be declared; what is
    named here goes before it.

    Raises InputError, a message of one line, for whatever cannot be used.
    """
    own = terms or Terms()
    if isinstance(baselines, str):
        baselines = (baselines,)
    own = replace(
        own,
        metric=own.metric if metric is None else metric,
        baselines=tuple(baselines) or own.baselines,
        rope=own.rope if rope is None else rope,
    )
    table = None if curves is None else _table(curves, "the frame of curves")
    return SignificanceReport(material_of(given(_table(results, "the frame"), own, table)))


def _table(source: pd.DataFrame | str | Path, name: str) -> ResultTable:
    return of_frame(source, name) if isinstance(source, pd.DataFrame) else read_table(Path(source))


def _cell(name: str, text: str, verdict: str) -> str:
    kind = VERDICTS[verdict]
    if name != "verdict" or not kind.colour:
        return f"<td>{escape(text)}</td>"
    colour = VERDICT_INK.get(kind.colour, "inherit")
    return f'<td style="color:{colour};font-weight:600">{kind.symbol} {escape(text)}</td>'
