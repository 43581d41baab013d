"""The folder of what can be made again: compiled kernels and decoded data."""

import os
import tempfile
from pathlib import Path


def cache_folder(part: str) -> Path:
    """`part` below $MLN_CACHE, or below mln-bench in $XDG_CACHE_HOME or ~/.cache.

    The folder need not exist. A user without a home, as a container's, has one of their own among
    the temporary files. Raises PermissionError where that is somebody else's.
    """
    if own := os.environ.get("MLN_CACHE"):
        return Path(own) / part
    if caches := os.environ.get("XDG_CACHE_HOME"):
        return Path(caches) / "mln-bench" / part
    try:
        return Path.home() / ".cache" / "mln-bench" / part
    except RuntimeError:
        return _of_user() / part


def _of_user() -> Path:
    folder = Path(tempfile.gettempdir()) / f"mln-bench-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    # Compiled code is loaded from here: nobody else may have put it there.
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise PermissionError(
            13, "it belongs to somebody else; name a folder in MLN_CACHE", str(folder)
        )
    return folder
