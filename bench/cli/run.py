"""The verb `run`: the benchmark of an experiment."""

from functools import partial

import typer

from bench.cli.commands import command_line
from bench.cli.console import print_errors, print_notes, print_rows
from bench.cli.options import (
    ARTIFACTS,
    ArtifactsOption,
    DaskOption,
    DataRootOption,
    ExperimentArgument,
    JobsOption,
    JsonOption,
    SetOption,
    StorageOption,
)
from bench.cli.settings import resolved_settings
from bench.errors import InputError
from bench.store.url import DEFAULT_URL

LEARNERS_TITLE = (
    "Co-evolved learners on test beside cross-entropy's of the same age: paired gain +- half of "
    "its 95 % t interval"
)


def run(
    experiment: ExperimentArgument,
    overrides: SetOption = None,
    storage: StorageOption = DEFAULT_URL,
    data_root: DataRootOption = None,
    artifacts: ArtifactsOption = ARTIFACTS,
    jobs: JobsOption = None,
    dask: DaskOption = None,
    as_json: JsonOption = False,
) -> None:
    """Benchmark: evolve what is missing, and train every cell that is not done."""
    from bench.cli.describing import print_head
    from bench.experiment.checks import load_checked
    from bench.running.session import run_all
    from reports.verdicts.prospects import prospects

    loaded = load_checked(experiment, overrides or (), data_root)
    if loaded.benchmark is None:
        raise InputError(f"experiment {loaded.name}: has no [benchmark] section")
    print_notes(prospects(loaded))
    resolved = resolved_settings(loaded, storage)
    cells, learners, notes = run_all(
        resolved,
        storage,
        artifacts,
        jobs,
        dask,
        print_errors,
        partial(print_head, is_short=as_json),
    )
    count = cells._asdict() | ({"learners": learners} if as_json and learners else {})
    print_rows([count], as_json, "Cells of all configurations")
    if learners and not as_json:
        print_rows(learners, False, LEARNERS_TITLE)
    print_notes(notes)
    if not as_json and not cells.failed and not cells.missing:
        following = command_line("report", experiment, overrides=overrides or (), storage=storage)
        typer.echo(f"Next:  {following}")
    raise typer.Exit(1 if cells.failed or cells.missing else 0)
