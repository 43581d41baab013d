"""The verb `study`: an Optuna study of an experiment's settings."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.commands import command_line
from bench.cli.options import (
    ARTIFACTS,
    ArtifactsOption,
    DataRootOption,
    ExperimentArgument,
    JsonOption,
    OutOption,
    SetOption,
    StorageOption,
    WorkersOption,
)
from bench.cli.settings import tune_settings
from bench.cli.study_output import compare_studies, print_study
from bench.errors import InputError
from bench.files import require_writable
from bench.store.url import DEFAULT_URL

if TYPE_CHECKING:
    from studies.outcome import StudyResult

TrialsOption = Annotated[int | None, typer.Option(min=1, help="number of trials in all")]
ExportOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="write the best as an experiment (TOML)")
]

CompareOption = Annotated[
    str | None,
    typer.Option(
        metavar="OTHER",
        help="run nothing: lay the study beside another one of the same storage, an experiment or "
        "a study's name",
    ),
]


def study(
    experiment: ExperimentArgument,
    trials: TrialsOption = None,
    workers: WorkersOption = None,
    export: ExportOption = None,
    compare: CompareOption = None,
    out: OutOption = None,
    overrides: SetOption = None,
    storage: StorageOption = DEFAULT_URL,
    data_root: DataRootOption = None,
    artifacts: ArtifactsOption = ARTIFACTS,
    as_json: JsonOption = False,
) -> None:
    """Run an Optuna study of the evolution's settings: screen, confirm or ablate.

    A study that was stopped goes on; a finished one is not run again. Several of these commands,
    on several machines with one PostgreSQL, work on the same study.
    """
    from bench.experiment.checks import load_checked

    if compare is not None:
        if trials is not None or export is not None:
            raise InputError("--compare runs nothing: leave --trials and --export out")
        loaded = load_checked(experiment, overrides or (), data_root, read_data=False)
        compare_studies(loaded, compare, storage, out, as_json)
        return
    if out is not None:
        raise InputError("--out is for the page of --compare")
    loaded = load_checked(experiment, overrides or (), data_root)
    if export is not None:
        if loaded.study and loaded.study.kind == "ablate":
            raise InputError("--export: an ablation has no best configuration")
        require_writable(export.parent)
    result = tune_settings(loaded, storage, artifacts, workers, trials)
    if export is not None:
        from studies.export import export as write_best

        write_best(loaded, result.best, export)
    print_study(loaded, result, storage, as_json)
    if not as_json and not result.failed:
        typer.echo(f"Next:  {_following(experiment, overrides or (), storage, export, result)}")
    raise typer.Exit(1 if result.failed else 0)


def _following(
    experiment: str,
    overrides: Sequence[str],
    storage: str,
    exported: Path | None,
    result: "StudyResult",
) -> str:
    """The command to type next."""
    if exported is not None:
        loss = exported.with_suffix(".safetensors")
        return command_line("evolve", str(exported), "--out", str(loss), storage=storage)
    if result.kind == "screen" and result.best is not None:
        words = (experiment, "--export", "best.toml")
        return command_line("study", *words, overrides=overrides, storage=storage)
    return command_line("report", experiment, overrides=overrides, storage=storage)
