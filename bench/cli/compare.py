"""The verb `compare`: two stored runs of one experiment."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.commands import command_line
from bench.cli.console import print_json, print_rows
from bench.cli.options import JsonOption, OutOption
from bench.files import require_writable


def compare(
    first: Annotated[Path, typer.Argument(metavar="A.csv", help="rows.csv of the earlier run")],
    second: Annotated[Path, typer.Argument(metavar="B.csv", help="rows.csv of the later run")],
    metric: Annotated[str, typer.Option(help="what to compare")] = "accuracy",
    rope: Annotated[float | None, typer.Option(min=0, help="negligible difference, +-")] = None,
    out: OutOption = None,
    strict: Annotated[
        bool, typer.Option(help="exit 1 if anything is worse, refused or without a partner")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Compare two stored runs of one experiment: what changed, and is it better or worse."""
    from reports.regression.compare import compare_rows
    from reports.regression.report import change_table, document, write_regression

    regression = compare_rows(first, second, metric=metric, rope=rope)
    names = (str(first), str(second))
    options = [] if metric == "accuracy" else ["--metric", metric]
    options += [] if rope is None else ["--rope", f"{rope:g}"]
    commands = [command_line("compare", *names, *options)]
    if out is not None:
        require_writable(out)
        paths = write_regression(regression, out, names, commands)
    if as_json:
        print_json(document(regression, names, commands))
    else:
        rows = change_table(regression).shown.to_dict("records")
        print_rows([{str(k): v for k, v in row.items()} for row in rows], False, "B minus A")
        for line in (*regression.warnings, *regression.findings):
            typer.echo(line)
        if out is not None:
            typer.echo(f"Report:            {paths.html}")
    failed = not regression.is_clean or regression.refused
    raise typer.Exit(1 if strict and failed else 0)
