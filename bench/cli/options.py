"""Options that several verbs of the command line share."""

from pathlib import Path
from typing import Annotated

import typer

ARTIFACTS = Path("runs/artifacts")

ExperimentArgument = Annotated[
    str,
    typer.Argument(metavar="EXPERIMENT", help="a TOML file, or a name from `list experiments`"),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="override a key, as in seed=7"),
]
StorageOption = Annotated[
    str,
    typer.Option(envvar="MLN_STORAGE", metavar="URL", help="database of results and studies"),
]
ArtifactsOption = Annotated[Path, typer.Option(metavar="DIR", help="folder for loss files")]
JsonOption = Annotated[bool, typer.Option("--json", help="print JSON for machines")]
JobsOption = Annotated[
    int | None,
    typer.Option(min=1, help="worker processes; by default one per processor, or per GPU"),
]
DaskOption = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS", help="a Dask scheduler, as tcp://host:8786, or `local` for a new one"
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers", "--jobs", min=1, help="processes; by default one per processor, or per GPU"
    ),
]


def without_detours(path: Path | None) -> Path | None:
    """`rep` for `new/../rep`, where no folder `new` need exist."""
    if path is None or ".." not in path.parts:
        return path
    real, here = path.resolve(), Path.cwd()
    return real.relative_to(here) if real.is_relative_to(here) else real


OutOption = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="output folder", callback=without_detours),
]
DataRootOption = Annotated[
    Path | None,
    typer.Option(
        envvar="MLN_DATA_ROOT", metavar="DIR", help="folder of data sets that are downloaded"
    ),
]
