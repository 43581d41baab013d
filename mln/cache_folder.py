"""The folder of what can be made again: compiled kernels and decoded data."""

import os
import tempfile
from pathlib import Path

CACHE_OF_HOME = Path(".cache", "mln-bench")


def cache_folder(part: str) -> Path:
    """`part` below $MLN_CACHE, or below mln-bench in $XDG_CACHE_HOME or ~/.cache.

    The folder need not exist. A user without a home that can be written, as a container's, has one
    of their own among the temporary files. Raises PermissionError where that is somebody else's.
    """
    if own := os.environ.get("MLN_CACHE"):
        return Path(own) / part
    if caches := os.environ.get("XDG_CACHE_HOME"):
        return Path(caches) / "mln-bench" / part
    return (_of_user() if homeless() else Path.home() / CACHE_OF_HOME) / part


def homeless() -> bool:
    """Whether the user has no home, or the cache is not there and cannot be made: of a container's
    unknown user the home is often said to be `/`."""
    try:
        folder = Path.home() / CACHE_OF_HOME
    except RuntimeError:
        return True
    there = next(path for path in (folder, *folder.parents) if os.path.exists(path))
    return there != folder and not os.access(there, os.W_OK)


def _of_user() -> Path:
    folder = Path(tempfile.gettempdir()) / f"mln-bench-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    # Compiled code is loaded from here: nobody else may have put it there.
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise PermissionError(
            13, "it belongs to somebody else; name a folder in MLN_CACHE", str(folder)
        )
    return folder
