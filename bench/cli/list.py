"""The verb `list`: the names that an experiment can use."""

from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.cli.console import print_rows
from bench.cli.options import JsonOption, StorageOption
from bench.store.url import DEFAULT_URL


def list_names(
    what: Annotated[
        str, typer.Argument(metavar="tasks|regimes|losses|learners|trainings|experiments|runs")
    ],
    plugin: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="list what a plug-in adds, too")
    ] = None,
    storage: StorageOption = DEFAULT_URL,
    as_json: JsonOption = False,
) -> None:
    """List what an experiment can name, or the `runs` that a storage holds."""
    from bench.catalogue import plugins
    from bench.cli.listing import RUNS, listing

    plugins.load_files(plugin or ())
    rows = _runs(storage) if what == RUNS else listing(what)
    print_rows(rows, as_json, what.capitalize())
    if not rows and not as_json:
        typer.echo(f"{storage} holds no results")


def _runs(storage: str) -> list[dict[str, Any]]:
    from bench.running.stored import stored_results
    from bench.store.store import Store

    with closing(Store(storage, create=False)) as store:
        return [found._asdict() for found in stored_results(store)]
