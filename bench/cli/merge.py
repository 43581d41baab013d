"""The verb `merge`: two databases of results become one."""

from contextlib import closing
from typing import Annotated

import typer

from bench.cli.console import print_rows
from bench.cli.options import JsonOption, StorageOption
from bench.store.url import DEFAULT_URL


def merge(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE", help="a database's URL, an SQLite file, or a folder with mln.db"
        ),
    ],
    storage: StorageOption = DEFAULT_URL,
    as_json: JsonOption = False,
) -> None:
    """Add the results of SOURCE to --storage; equal results become one, differing ones are refused.

    Optuna's own record of a study, which the dashboard shows, stays where it is.
    """
    from bench.store.merge import merge, source_url
    from bench.store.store import Store

    with (
        closing(Store(source_url(source), create=False)) as theirs,
        closing(Store(storage)) as ours,
    ):
        tables = merge(theirs, ours)
    rows = [table._asdict() for table in tables]
    if not as_json:
        rows = [row for row in rows if row["rows"]]
    print_rows(rows, as_json, f"Rows of {source}")
