"""What the command line prints and where it may write."""

import json
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.store.url import DEFAULT_URL


def print_json(value: Any) -> None:
    """Print one JSON document on standard output."""
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
    """Print what failed on standard error."""
    for error in errors:
        print(f"failed: {error}", file=sys.stderr)


def note(sentences: Sequence[str]) -> None:
    """Print what is worth knowing before the work begins on standard error."""
    for sentence in sentences:
        print(f"note: {sentence}", file=sys.stderr)


def copy_loss(loss: Path, out: Path | None, run: int, runs: int) -> Path:
    """Copy a loss file to where the user wants it; several runs get a number each."""
    if out is None:
        return loss
    target = out if runs == 1 else out.with_stem(f"{out.stem}-{run + 1}")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(loss, target)
    return target


def reproducing_commands(verb: str, overrides: Sequence[str]) -> list[str]:
    """The commands that reproduce a report."""
    tail = "".join(f" --set {shlex.quote(override)}" for override in overrides)
    commands = [f"mln-bench {verb}{tail}"]
    if verb != "demo":
        commands.append(f"mln-bench report {verb.removeprefix('run ')}{tail}")
    return commands


def storage_flag(storage: str) -> str:
    """The option that names a storage, empty for the default one."""
    return "" if storage == DEFAULT_URL else f" --storage {shlex.quote(storage)}"
