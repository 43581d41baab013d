"""The verb `list`: the names that an experiment can use."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.console import print_rows
from bench.cli.options import JsonOption


def list_names(
    what: Annotated[str, typer.Argument(metavar="tasks|regimes|losses|learners|experiments")],
    plugin: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="list what a plug-in adds, too")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List what an experiment can name."""
    from bench.catalogue import plugins
    from bench.cli.listing import listing

    plugins.load_files(plugin or ())
    print_rows(listing(what), as_json, what.capitalize())
