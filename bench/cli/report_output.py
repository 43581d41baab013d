"""Writing the significance report, and what the verbs that write reports print."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from bench.cli.console import print_json, print_rows

if TYPE_CHECKING:
    from bench.experiment.model import Experiment
    from bench.store.store import Store
    from reports.benchmark.report import Report


def significance_report(
    store: "Store", experiments: "Sequence[Experiment]", out: Path, commands: Sequence[str]
) -> "Report":
    """Write the report of losses against losses into a folder; processes draw a large one.

    Raises:
        InputError: nothing is stored to report, the experiments do not belong in one report, or
            the folder cannot be written.
    """
    from reports.benchmark.report import write_report
    from reports.page.drawing import default_drawing_processes

    return write_report(store, experiments, out, commands, workers=default_drawing_processes())


def print_significance(report: "Report", as_json: bool) -> None:
    """Print the primary verdicts, and where the report is."""
    from bench.policies import title_of
    from reports.benchmark.report import verdict_rows

    rows: Sequence[Mapping[str, Any]] = (
        [item.as_json() for item in report.primary] if as_json else verdict_rows(report)
    )
    title = f"Verdicts: {title_of(report.data.policy)}, primary family"
    print_verdicts(rows, title, report.paths.html, as_json)


def print_verdicts(
    rows: Sequence[Mapping[str, Any]], title: str, page: Path, as_json: bool
) -> None:
    """Print verdicts as a table and where their page is, or both as JSON."""
    if as_json:
        print_json({"report": str(page), "verdicts": list(rows)})
        return
    print_rows(rows, False, title)
    typer.echo(f"Report:            {page}")
