"""The folder of what can be made again: compiled kernels and decoded data."""

import os
from pathlib import Path


def cache_folder(part: str) -> Path:
    """`part` below $MLN_CACHE, or below mln-bench in $XDG_CACHE_HOME or ~/.cache.

    The folder need not exist.
    """
    own = os.environ.get("MLN_CACHE")
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return (Path(own) if own else home / "mln-bench") / part
