"""How far an experiment is, and how the machine is."""

import time
from typing import Annotated, Any

import typer

from bench.cli.console import print_json, print_rows
from bench.cli.options import (
    ARTIFACTS,
    ArtifactsOption,
    DataRootOption,
    ExperimentArgument,
    JsonOption,
    SetOption,
    StorageOption,
)
from bench.errors import Unavailable
from bench.store.url import DEFAULT_URL


def status(
    experiment: ExperimentArgument,
    overrides: SetOption = None,
    storage: StorageOption = DEFAULT_URL,
    data_root: DataRootOption = None,
    artifacts: ArtifactsOption = ARTIFACTS,
    watch: Annotated[bool, typer.Option("--watch", help="look again until all is done")] = False,
    every: Annotated[float, typer.Option(min=0.1, help="seconds between two looks")] = 5.0,
    as_json: JsonOption = False,
) -> None:
    """How much of an experiment is done, and about how long the rest will take."""
    from bench.cli.study import resolved_settings
    from bench.experiment.checks import load_checked
    from bench.running.status import describe
    from bench.store.store import Store

    loaded = load_checked(experiment, overrides or (), data_root, read_data=False)
    store = Store(storage, create=False)
    title = f"Experiment {loaded.name}"

    def look() -> dict[str, Any]:
        resolved = resolved_settings(loaded, storage, required=False)
        return describe(resolved, store, artifacts)

    found = look()
    print_rows([found], as_json, title)
    while watch and not _is_finished(found):
        time.sleep(every)
        try:
            now = look()
        except Unavailable as error:
            typer.echo(f"{error}; looking again", err=True)
            continue
        if now != found:
            print_rows([now], as_json, title)
        found = now
    store.close()


def _is_finished(found: dict[str, Any]) -> bool:
    done, _, owed = found["evolved_losses"].partition(" of ")
    return done == owed and not found["missing"]


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
