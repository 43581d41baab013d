"""The verb `explain`: what evolution found."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.console import print_json, print_rows
from bench.cli.options import JsonOption
from bench.files import require_writable


def explain(
    loss: Annotated[Path, typer.Argument(metavar="LOSS.safetensors", help="an evolved loss")],
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
    from reports.explanation.report import write_explanation

    explanation = explained(loss)
    folder = out or Path("runs/explain") / loss.stem
    require_writable(folder)
    written = write_explanation(explanation, folder)
    if as_json:
        shown = {key: value for key, value in explanation.items() if key != "curves"}
        print_json(shown | {"files": [str(path) for path in written]})
        return
    for each in explanation["law"]:
        typer.echo(f"{each['formula']}\n    {each['words']}")
    if explanation["trainings"]:
        print_rows(training_table(explanation), False, f"{loss.stem}: in typical trainings")
    print_rows(table(explanation), False, f"{loss.stem}: known losses fitted to its gradient")
    typer.echo(f"Page:  {written[0]}")
