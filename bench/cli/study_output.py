"""What the verbs `study` and `ablate` print."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from bench.cli.commands import command_line
from bench.cli.console import print_json, print_rows

if TYPE_CHECKING:
    from bench.experiment.model import Experiment
    from studies.outcome import StudyResult, StudyTrial


def print_study(
    experiment: "Experiment", result: "StudyResult", storage: str, as_json: bool
) -> None:
    """Print what a study found, and how to review it."""
    if as_json:
        print_json(_summary(experiment, result))
        return
    if result.kind == "ablate":
        done = sorted(result.trials, key=lambda trial: -(trial.value or 0.0))
        print_rows(_rows(done), False, "Cells: mean gain over tuned CE on the study's tasks")
    elif result.front:
        print_rows(_rows(result.front), False, "Pareto front: gain over tuned CE, member-steps")
    elif result.best:
        title = "Best settings: gain over tuned CE on the study's tasks (fraction)"
        print_rows(_rows([result.best]), False, title)
    else:
        typer.echo("No trial is complete and feasible; their notes are in the dashboard.")
    typer.echo(f"Review it:  {command_line('dashboard', storage=storage)}")


def _rows(trials: "Sequence[StudyTrial]") -> list[dict[str, Any]]:
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
