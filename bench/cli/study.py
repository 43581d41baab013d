"""The verbs of studies: study, ablate, dashboard; and what other verbs take from a study."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.cli.console import print_json, print_rows, storage_flag
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
from bench.errors import InputError
from bench.files import require_writable
from bench.store.url import DEFAULT_URL

if TYPE_CHECKING:
    from bench.experiment.model import Experiment
    from studies.outcome import StudyProgress, StudyResult, StudyTrial

TrialsOption = Annotated[int | None, typer.Option(min=1, help="how many in all")]
ExportOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="write the best as an experiment (TOML)")
]


def study(
    experiment: ExperimentArgument,
    trials: TrialsOption = None,
    workers: WorkersOption = None,
    export: ExportOption = None,
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

    loaded = load_checked(experiment, overrides or (), data_root)
    result = _run(loaded, storage, artifacts, workers, trials, export)
    _show(loaded, result, as_json, storage)


def ablate(
    experiment: ExperimentArgument,
    workers: WorkersOption = None,
    overrides: SetOption = None,
    storage: StorageOption = DEFAULT_URL,
    data_root: DataRootOption = None,
    artifacts: ArtifactsOption = ARTIFACTS,
    as_json: JsonOption = False,
) -> None:
    """Run a study of kind ablate: every cell of its factors at equal budgets, on the same seeds."""
    from bench.experiment.checks import load_checked

    loaded = load_checked(experiment, overrides or (), data_root)
    if loaded.study is None or loaded.study.kind != "ablate":
        raise InputError(f"experiment {loaded.name}: has no [study] of kind 'ablate'")
    _show(loaded, _run(loaded, storage, artifacts, workers), as_json, storage)


def dashboard(
    storage: StorageOption = DEFAULT_URL,
    artifacts: ArtifactsOption = ARTIFACTS,
    host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8080,
) -> None:
    """Open the storage's studies in optuna-dashboard; it has no authentication."""
    from studies.dashboard.review import Serving, launch_dashboard

    def ready(serving: Serving) -> None:
        if serving.caution:
            typer.echo(f"warning: {serving.caution}", err=True)
        typer.echo(f"The dashboard is at {serving.url} (Ctrl-C ends it)")

    launch_dashboard(storage, artifacts, host, port, on_ready=ready)


def resolved_settings(
    experiment: "Experiment", storage: str, *, required: bool = True
) -> "Experiment":
    """The experiment with the settings that its study found, where it asks for them."""
    section = experiment.evolution
    if section is None or not section.settings_from_study:
        return experiment
    from studies.results import best_evolution

    best = best_evolution(experiment, storage)
    if best is None:
        if not required:
            return experiment
        raise InputError(
            f"experiment {experiment.name}: evolution.settings_from_study, but its study is not "
            "finished here; run `mln-bench study` first"
        )
    return experiment.model_copy(update={"evolution": best})


def tune_settings(
    experiment: "Experiment",
    storage: str,
    artifacts: Path,
    workers: int | None,
    trials: int | None = None,
) -> "StudyResult":
    """Run the experiment's study, or what of it is missing, with progress on standard error."""
    from bench.workers.processes import default_jobs
    from bench.workers.progress import Live
    from studies.run import run_study

    if experiment.study is None:
        raise InputError(f"experiment {experiment.name}: has no [study] section")
    with Live() as live:
        started = False

        def progressed(progress: "StudyProgress") -> None:
            nonlocal started
            if not started:
                live.phase("study", progress.total, progress.done)
                started = True
            live.update(progress.done, _note(progress))

        return run_study(
            experiment,
            storage,
            artifacts,
            workers=workers or default_jobs(),
            trials=trials,
            progress=progressed,
        )


def _run(
    experiment: "Experiment",
    storage: str,
    artifacts: Path,
    workers: int | None,
    trials: int | None = None,
    export: Path | None = None,
) -> "StudyResult":
    require_writable(artifacts)
    if export is not None and experiment.study and experiment.study.kind == "ablate":
        raise InputError("--export: an ablation has no best configuration")
    if export is not None:
        require_writable(export.parent)
    result = tune_settings(experiment, storage, artifacts, workers, trials)
    if export is not None:
        from studies.export import export as write

        write(experiment, result.best, export)
    return result


def _note(progress: "StudyProgress") -> str:
    best = "" if progress.best_value is None else f"best {progress.best_value:+.4f}"
    share = progress.pruned / progress.done if progress.pruned else 0
    return ", ".join(part for part in (best, f"{share:.0%} pruned" if share else "") if part)


def _show(experiment: "Experiment", result: "StudyResult", as_json: bool, storage: str) -> None:
    """Print what a study found; exit code 1 where a trial failed."""
    if as_json:
        print_json(_summary(experiment, result))
    elif result.kind == "ablate":
        done = sorted(result.trials, key=lambda trial: -(trial.value or 0.0))
        print_rows(_rows(done), False, "Cells: mean gain over tuned CE on the study's tasks")
    elif result.front:
        print_rows(_rows(result.front), False, "Pareto front: gain over tuned CE, member-steps")
    elif result.best:
        title = "Best settings: gain over tuned CE on the study's tasks (fraction)"
        print_rows(_rows([result.best]), False, title)
    else:
        typer.echo("No trial is complete and feasible; their notes are in the dashboard.")
    if not as_json:
        typer.echo("Review it:  mln-bench dashboard" + storage_flag(storage))
    raise typer.Exit(1 if result.failed else 0)


def _rows(trials: "list[StudyTrial] | tuple[StudyTrial, ...]") -> list[dict[str, Any]]:
    names = list(dict.fromkeys(name for trial in trials for name in trial.params))
    return [
        {
            "trial": trial.number,
            "gain": trial.value,
            "member_steps": trial.member_steps,
            **{name.removeprefix("evolution."): trial.params.get(name) for name in names},
        }
        for trial in trials
    ]


def _summary(experiment: "Experiment", result: "StudyResult") -> dict[str, Any]:
    """A study for machines."""
    states = [trial.state for trial in result.trials]
    assert experiment.study is not None
    return {
        "study": result.name,
        "kind": result.kind,
        "budget": experiment.study.budget,
        "counts": {state: states.count(state) for state in ("complete", "pruned", "fail")},
        "best": result.best._asdict() if result.best else None,
        "front": [trial._asdict() for trial in result.front],
        "trials": [trial._asdict() for trial in result.trials],
    }
