"""What the verbs that write a report print about it."""

from typing import TYPE_CHECKING, Any

import typer

from bench.console import print_rows

if TYPE_CHECKING:
    from reports.render import Report


def print_verdicts(report: "Report") -> None:
    """The primary verdicts as a table, and where the report is."""
    from reports.render import verdict_rows

    print_rows(verdict_rows(report), False, "Verdicts: tuned learning rates, primary family")
    typer.echo(f"Report:            {report.paths.html}")


def report_summary(report: "Report") -> dict[str, Any]:
    """The primary verdicts and where the report is, for machines."""
    from reports.render import verdict_rows

    return {"report": str(report.paths.html), "verdicts": verdict_rows(report)}
