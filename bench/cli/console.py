"""What the command line prints."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table


def print_json(value: Any) -> None:
    """Print one JSON document on standard output.

    Raises:
        ValueError: a number is not finite.
    """
    print(json.dumps(value, indent=1, allow_nan=False))


def print_rows(rows: Sequence[Mapping[str, Any]], as_json: bool, title: str) -> None:
    """Print rows with the same keys as a table, or as JSON."""
    if as_json:
        print_json(list(rows))
        return
    table = Table(title=title, title_justify="left", title_style="bold")
    for column in rows[0] if rows else ():
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(_text(value) for value in row.values()))
    # Redirected output is for reading too: a file has no width to fit.
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def print_errors(errors: Sequence[str]) -> None:
    """Print on standard error what failed."""
    for error in errors:
        print(f"failed: {error}", file=sys.stderr)


def print_notes(sentences: Sequence[str]) -> None:
    """Print on standard error what to know before the work begins."""
    for sentence in sentences:
        print(f"note: {sentence}", file=sys.stderr)
