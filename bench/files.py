"""Files and folders that the suite writes: checked before the work, and written whole."""

import tempfile
from pathlib import Path

from bench.errors import InputError
from mln.atomic import write_atomically

__all__ = ["require_writable", "write_atomically"]


def require_writable(folder: Path) -> None:
    """Refuse an output folder now rather than after minutes of work; leave nothing behind.

    Raises InputError where it, or the nearest folder above it, cannot be written.
    """
    # Of `new/../rep`, where nothing is called new, `rep` alone is meant.
    folder = folder.resolve() if ".." in folder.parts else folder
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        for path in new:
            path.rmdir()
    except FileExistsError as error:
        raise InputError(f"folder {folder}: is not a folder") from error
    except OSError as error:
        raise InputError(f"folder {folder}: cannot be written: {error.strerror}") from error
