"""The verb `status`: how far an experiment is."""

import time
from typing import Annotated, Any

import typer

from bench.cli.console import print_rows
from bench.cli.options import (
    ARTIFACTS,
    ArtifactsOption,
    DataRootOption,
    ExperimentArgument,
    JsonOption,
    SetOption,
    StorageOption,
)
from bench.cli.settings import resolved_settings
from bench.errors import Unavailable
from bench.store.url import DEFAULT_URL


def status(
    experiment: ExperimentArgument,
    overrides: SetOption = None,
    storage: StorageOption = DEFAULT_URL,
    data_root: DataRootOption = None,
    artifacts: ArtifactsOption = ARTIFACTS,
    watch: Annotated[bool, typer.Option("--watch", help="repeat until all is done")] = False,
    every: Annotated[float, typer.Option(min=0.1, help="seconds between two repeats")] = 5.0,
    as_json: JsonOption = False,
) -> None:
    """How much of an experiment is done, and about how long the rest will take."""
    from bench.experiment.checks import load_checked
    from bench.running.status import describe
    from bench.store.store import Store

    loaded = load_checked(experiment, overrides or (), data_root, read_data=False)
    store = Store(storage, create=False)
    title = f"Experiment {loaded.name}"

    def current() -> dict[str, Any]:
        resolved = resolved_settings(loaded, storage, required=False)
        return describe(resolved, store, artifacts)

    row = current()
    print_rows([row], as_json, title)
    while watch and not _is_finished(row):
        time.sleep(every)
        try:
            latest = current()
        except Unavailable as error:
            typer.echo(f"{error}; trying again", err=True)
            continue
        if latest != row:
            print_rows([latest], as_json, title)
        row = latest
    store.close()


def _is_finished(row: dict[str, Any]) -> bool:
    done, _, planned = row["evolved_losses"].partition(" of ")
    return done == planned and not row["missing"]
