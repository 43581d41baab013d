"""The verb `ablate`: a study of kind ablate."""

import typer

from bench.cli.commands import command_line
from bench.cli.options import (
    ARTIFACTS,
    ArtifactsOption,
    DataRootOption,
    ExperimentArgument,
    JsonOption,
    SetOption,
    StorageOption,
    WorkersOption,
)
from bench.cli.settings import tune_settings
from bench.cli.study_output import print_study
from bench.errors import InputError
from bench.store.url import DEFAULT_URL


def ablate(
    experiment: ExperimentArgument,
    workers: WorkersOption = None,
    overrides: SetOption = None,
    storage: StorageOption = DEFAULT_URL,
    data_root: DataRootOption = None,
    artifacts: ArtifactsOption = ARTIFACTS,
    as_json: JsonOption = False,
) -> None:
    """Run a study of kind ablate: every cell or variant at equal budgets, on the same seeds."""
    from bench.experiment.checks import load_checked

    loaded = load_checked(experiment, overrides or (), data_root)
    if loaded.study is None or loaded.study.kind != "ablate":
        raise InputError(f"experiment {loaded.name}: has no [study] of kind 'ablate'")
    result = tune_settings(loaded, storage, artifacts, workers)
    print_study(loaded, result, storage, as_json)
    if not as_json and not result.failed:
        following = command_line("report", experiment, overrides=overrides or (), storage=storage)
        typer.echo(f"Next:  {following}")
    raise typer.Exit(1 if result.failed else 0)
