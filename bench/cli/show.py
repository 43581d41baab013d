"""The verb `show`: what an experiment says, and what it will cost."""

from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.console import print_json, print_rows
from bench.cli.options import DataRootOption, ExperimentArgument, JsonOption, SetOption

if TYPE_CHECKING:
    from bench.experiment.model import Experiment

SAVED = "benchmark.saved_losses"


def show(
    experiment: ExperimentArgument,
    overrides: SetOption = None,
    data_root: DataRootOption = None,
    timed: Annotated[
        bool, typer.Option("--time/--no-time", help="train a few learners to estimate minutes")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """An experiment's keys, where each value comes from, and what it costs."""
    from bench.experiment.checks import load_checked
    from bench.experiment.origins import values
    from bench.running.cost import costs

    loaded = load_checked(experiment, overrides or (), data_root, read_data=timed)
    every = values(loaded, experiment, overrides or ())
    # The genomes of losses from files are no keys that anyone sets.
    rows = [value._asdict() for value in every if not value.key.startswith(SAVED)]
    parts = [cost._asdict() for cost in costs(loaded, _judged(loaded), timed=timed)]
    if as_json:
        print_json({"experiment": loaded.name, "values": rows, "cost": parts})
        return
    print_rows(rows, False, f"Experiment {loaded.name}: keys as --set takes them")
    print_rows(parts, False, "Cost, at most: what is stored already is not computed again")


def _judged(experiment: "Experiment") -> int | None:
    """Member-steps of the evolutions that the experiment's study runs, at most."""
    if experiment.study is None:
        return None
    from studies.plan import most_member_steps

    return most_member_steps(experiment)
