"""The verb `doctor`: the state of this machine and of the storage."""

import typer

from bench.cli.console import print_json, print_rows
from bench.cli.options import (
    ARTIFACTS,
    ArtifactsOption,
    DataRootOption,
    JsonOption,
    StorageOption,
)
from bench.store.url import DEFAULT_URL


def doctor(
    storage: StorageOption = DEFAULT_URL,
    artifacts: ArtifactsOption = ARTIFACTS,
    data_root: DataRootOption = None,
    as_json: JsonOption = False,
) -> None:
    """What is installed, reachable, found and stale; the remedy for each. Exit 1: a problem."""
    from bench.doctor import examine

    findings = examine(storage, artifacts, data_root)
    rows = [finding._asdict() for finding in findings]
    if as_json:
        print_json(rows)
    else:
        print_rows(rows, False, "This machine")
    raise typer.Exit(1 if any(finding.state == "problem" for finding in findings) else 0)
