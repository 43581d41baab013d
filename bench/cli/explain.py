"""The verb `explain`: what evolution found."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.console import print_json, print_rows
from bench.cli.options import JsonOption
from bench.errors import InputError, nearest
from bench.files import require_writable


def explain(
    loss: Annotated[
        str,
        typer.Argument(metavar="LOSS.safetensors", help="an evolved loss, or a shipped one's name"),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="folder of the page; default runs/explain/NAME"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Plot an evolved loss and its gradient, and name the known loss it is nearest to.

    Of an adaptive loss also its law, and what its exponents do in typical trainings.
    """
    from bench.explanation.nearest_loss import explain as explained
    from bench.explanation.nearest_loss import table
    from bench.explanation.typical_training import training_table
    from mln.pretrained import HOME
    from reports.explanation.report import write_explanation

    path = found(loss)
    explanation = explained(path)
    folder = out or Path("runs/explain") / path.stem
    require_writable(folder)
    written = write_explanation(explanation, folder)
    if as_json:
        shown = {key: value for key, value in explanation.items() if key != "curves"}
        print_json(shown | {"files": [str(path) for path in written]})
        return
    for each in explanation["law"]:
        typer.echo(f"{each['formula']}\n    {each['words']}")
    if explanation["trainings"]:
        print_rows(training_table(explanation), False, f"{path.stem}: in typical trainings")
    print_rows(table(explanation), False, f"{path.stem}: known losses fitted to its gradient")
    typer.echo(f"Page:  {written[0]}")
    if path.parent == HOME:
        typer.echo(f"Card:  {path.with_suffix('.md')}")


def found(loss: str) -> Path:
    """The file of a loss: a path or a shipped name, with or without what marks it as either."""
    from bench.experiment.saved_losses import FILE, PRETRAINED
    from mln.pretrained import NAMES, loss_path

    name = loss.removeprefix(PRETRAINED)
    if name != loss and name not in NAMES:
        raise InputError(f"{loss}: no shipped loss{nearest(name, NAMES)}")
    path = name.removeprefix(FILE)
    if path.endswith(".safetensors"):
        return Path(path)
    try:
        return loss_path(path)
    except ValueError as error:
        raise InputError(str(error)) from error
