"""The verb `download`: data sets that do not come with the suite, only when asked for."""

from pathlib import Path
from typing import Annotated

import typer

from bench.errors import InputError, nearest
from bench.files import require_writable


def download(
    tasks: Annotated[list[str], typer.Argument(metavar="TASK...", help="as in `list tasks`")],
    data_root: Annotated[
        Path, typer.Option(envvar="MLN_DATA_ROOT", metavar="DIR", help="folder to put them in")
    ],
) -> None:
    """Fetch data sets through torchvision (mnist, cifar10, ...) and decode them once."""
    from bench.tasks.data_root import use_data_root
    from bench.tasks.families.official import OFFICIAL

    for name in tasks:
        if name not in OFFICIAL:
            raise InputError(f"download {name!r}: is no data set{nearest(name, OFFICIAL)}")
    if not data_root.is_dir():  # one that is there may have all files, and not be writable
        require_writable(data_root)
        data_root.mkdir(parents=True)
    use_data_root(data_root)
    for name in tasks:
        OFFICIAL[name].fetch(data_root)
        pictures = OFFICIAL[name].pictures()
        typer.echo(f"{name}: {len(pictures.y):,} pictures ({OFFICIAL[name].data})")
