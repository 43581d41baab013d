"""The verb `data`: what was understood of a task, before anything is trained."""

from typing import Annotated

import typer

from bench.cli.options import DataRootOption, JsonOption


def data(
    task: Annotated[
        str, typer.Argument(metavar="TASK", help="a task's name, as in `list tasks` and TOML files")
    ],
    data_root: DataRootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what was understood of a task: splits, classes, features, conversions, warnings."""
    from bench.cli.console import print_json
    from bench.cli.describing import print_description
    from bench.describing.describe import describe
    from bench.tasks.data_root import use_data_root
    from bench.tasks.resolve import resolve

    use_data_root(data_root)
    description = describe(resolve(task))
    if as_json:
        print_json(description.as_json())
        return
    print_description(description)
