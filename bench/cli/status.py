"""The verb `status`: how far an experiment is."""

import time
from typing import TYPE_CHECKING, Annotated, Any

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

if TYPE_CHECKING:
    from bench.experiment.model import Experiment
    from bench.store.store import Store


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
        return _trials(loaded, store) | describe(resolved, store, artifacts)

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


def _trials(experiment: "Experiment", store: "Store") -> dict[str, int]:
    """The trials of the experiment's study, where it has one."""
    if experiment.study is None:
        return {}
    from studies.plan import plan
    from studies.slots import StudySlots

    total = plan(experiment).total
    slots = StudySlots(store, experiment.study.name).rows(total)
    return {"trials_done": sum(slot["state"] == "done" for slot in slots), "trials": total}


def _is_finished(row: dict[str, Any]) -> bool:
    return (
        all(
            row.get(done, 0) == row.get(planned, 0)
            for done, planned in (("evolved", "evolutions"), ("trials_done", "trials"))
        )
        and not row["missing"]
    )
