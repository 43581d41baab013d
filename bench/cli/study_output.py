"""What the verbs `study` and `ablate` print."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from bench.cli.commands import command_line
from bench.cli.console import print_json, print_rows
from bench.errors import InputError
from bench.files import require_writable

if TYPE_CHECKING:
    from bench.experiment.model import Experiment
    from bench.store.store import Store
    from studies.gain_text import GainUnit
    from studies.outcome import StudyResult, StudyTrial


def print_study(
    experiment: "Experiment", result: "StudyResult", storage: str, as_json: bool
) -> None:
    """Print what a study found, and how to review it."""
    if as_json:
        print_json(_summary(experiment, result))
        return
    from bench.experiment.overrides import override_text
    from studies.gain_text import gain_unit

    unit = gain_unit(experiment)
    if result.kind == "ablate":
        done = sorted(result.trials, key=lambda trial: -(trial.value or 0.0))
        print_rows(_rows(done, unit), False, "Cells: mean gain over tuned CE on the study's tasks")
    elif result.best:
        if result.front:
            print_rows(
                _front(experiment, result, unit), False, "Pareto front, and the chosen trial"
            )
        best = result.best
        print_rows(
            [
                {"setting": name.removeprefix("evolution."), "value": value}
                for name, value in best.params.items()
            ],
            False,
            f"{'Chosen' if result.front else 'Best'} settings: trial {best.number}, gain over "
            f"tuned CE {unit.text(best.value)} on the study's tasks",
        )
        typer.echo(f"To paste:  {' '.join(override_text(*each) for each in best.params.items())}")
    else:
        typer.echo("No trial is complete and feasible; their notes are in the dashboard.")
    typer.echo(f"Review it:  {command_line('dashboard', storage=storage)}")


def _front(
    experiment: "Experiment", result: "StudyResult", unit: "GainUnit"
) -> list[dict[str, Any]]:
    from studies.naming import trial_name
    from studies.plan import space_of

    space, chosen = space_of(experiment), result.best.slot if result.best else None
    shown = list(result.front)
    if result.best is not None and result.best not in shown:
        shown.append(result.best)
    return [
        {
            "trial": trial.number,
            "what": trial_name(space, trial.params),
            f"gain ({unit.name})": unit.number(trial.value),
            f"worst regime ({unit.name})": unit.number(trial.worst),
            "member_steps": trial.member_steps,
            "chosen": "*" if trial.slot == chosen else "",
        }
        for trial in shown
    ]


def compare_studies(
    experiment: "Experiment", other: str, storage: str, out: Path | None, as_json: bool
) -> None:
    """Lay the experiment's study and another one side by side, and write their page.

    Raises:
        InputError: one of them has no finished trial in this storage.
    """
    from bench.store.store import Store
    from reports.study.pair import importance_table, load_pair, pair_document, summary_table
    from reports.study.pair import write_pair as write

    if experiment.study is None:
        raise InputError(f"experiment {experiment.name}: has no [study] section")
    store = Store(storage, create=False)
    try:
        pair = load_pair(store, experiment.study.name, _study_name(store, other))
    finally:
        store.close()
    folder = out or Path("runs/reports") / f"{experiment.name}-compared"
    require_writable(folder)
    commands = [command_line("study", experiment.name, "--compare", other)]
    paths = write(pair, folder, commands)
    if as_json:
        print_json(pair_document(pair) | {"report": str(paths.html)})
        return
    for table in filter(None, (summary_table(pair), importance_table(pair))):
        rows = [{str(k): v for k, v in row.items()} for row in table.shown.to_dict("records")]
        print_rows(rows, False, table.title)
    for line in (*pair.warnings, *pair.findings):
        typer.echo(line)
    typer.echo(f"Report:            {paths.html}")


def _study_name(store: "Store", other: str) -> str:
    """A study of the storage, or that of an experiment."""
    from bench.experiment.model import load
    from bench.store import schema

    if store.rows(schema.trials, study=other):
        return other
    try:
        experiment = load(other)
    except InputError as error:
        raise InputError(
            f"--compare {other!r}: neither a study with a finished trial in this storage nor an "
            "experiment"
        ) from error
    if experiment.study is None:
        raise InputError(f"--compare {other!r}: the experiment has no [study] section")
    return experiment.study.name


def _rows(trials: "Sequence[StudyTrial]", unit: "GainUnit") -> list[dict[str, Any]]:
    names = list(dict.fromkeys(name for trial in trials for name in trial.params))
    return [
        {
            "trial": trial.number,
            f"gain ({unit.name})": unit.number(trial.value),
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
