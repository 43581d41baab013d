"""Where data lies that does not come with the suite."""

import os
from pathlib import Path

from bench.errors import InputError

DATA_ROOT_VARIABLE = "MLN_DATA_ROOT"


def use_data_root(folder: Path | None) -> None:
    """Take data from a folder, in this process and in all that it starts.

    Raises InputError where there is none.
    """
    if folder is None:
        return
    if not folder.is_dir():
        raise InputError(f"--data-root {folder}: no such folder")
    os.environ[DATA_ROOT_VARIABLE] = str(folder.absolute())


def data_root() -> Path | None:
    """The folder, if one is named."""
    named = os.environ.get(DATA_ROOT_VARIABLE)
    return Path(named) if named else None


def located(path: str) -> Path:
    """A path of a task's name: relative to the data root, or to the working folder without one."""
    return (data_root() or Path()) / Path(path).expanduser()
