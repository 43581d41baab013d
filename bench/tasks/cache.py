"""Decoded data in files that all processes map: written whole, then renamed, never changed.

A file is named after what it is made of, so two processes that make it at once make the same
one, and a killed process leaves a temporary file alone.
"""

import hashlib
import io
import json
import os
import tempfile
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError
from mln.examples import Table, map_table

Bytes = NDArray[np.uint8]
BLOCK = 1 << 20


def cache_folder() -> Path:
    """$MLN_CACHE, or mln-bench below $XDG_CACHE_HOME or ~/.cache; its folder `data`."""
    own = os.environ.get("MLN_CACHE")
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return (Path(own) if own else home / "mln-bench") / "data"


def content_digest(files: Sequence[tuple[str, Path]]) -> str:
    """SHA-256 of the names and the bytes of some files, given as (name, path).

    It is remembered under their paths, sizes and times of change, so that nothing is read twice:
    a file that is changed without a new size or time goes unnoticed.
    """
    stats = [(name, path.stat()) for name, path in files]
    state = [
        (name, str(path.absolute()), stat.st_size, stat.st_mtime_ns)
        for (name, path), (_, stat) in zip(files, stats, strict=True)
    ]
    note = cache_folder() / f"{_digest(state)}.digest"
    if note.exists() and len(found := note.read_text("ascii")) == 64:
        return found
    total = hashlib.sha256()
    for name, path in sorted(files):
        total.update(f"{name}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                total.update(block)
    _write(note, [total.hexdigest().encode("ascii")])
    return total.hexdigest()


def key_of(kind: str, *parts: Any) -> str:
    """The name of what this code makes of `parts`, any JSON values."""
    return f"{kind}-{_digest([_code(), *parts])[:32]}"


def read_arrays(key: str) -> dict[str, NDArray[Any]] | None:
    """The arrays that `write_arrays` wrote, or None."""
    path = cache_folder() / f"{key}.npz"
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


def write_arrays(key: str, **arrays: NDArray[Any]) -> None:
    """Keep small arrays under a key."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]  # the stub mistakes arrays for a flag
    _write(cache_folder() / f"{key}.npz", [buffer.getvalue()])


def table_path(key: str) -> Path:
    """The file of a table."""
    return cache_folder() / f"{key}.table"


def write_table(path: Path, blocks: Iterable[Bytes]) -> None:
    """Write a table of bytes block by block."""
    _write(path, (np.ascontiguousarray(block).data for block in blocks))


def mapped(path: Path, rows: int, columns: int) -> Table | None:
    """A table's file, mapped once in a process; None where it is not there, or not whole."""
    if not path.exists() or path.stat().st_size != rows * columns:
        return None
    return _map(path, rows, columns)


@lru_cache(maxsize=64)
def _map(path: Path, rows: int, columns: int) -> Table:
    return map_table(path, "uint8", 0, (rows, columns))


@lru_cache(maxsize=1)
def _code() -> str:
    """A digest of all that decodes or changes data: other code makes other files."""
    total = hashlib.sha256()
    for file in sorted(Path(__file__).parent.rglob("*.py")):
        total.update(file.read_bytes())
    return total.hexdigest()


def _write(path: Path, parts: Iterable[bytes | memoryview]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    except OSError as error:
        raise InputError(
            f"cache folder {path.parent}: cannot be written: {error.strerror}; "
            "name another one in MLN_CACHE"
        ) from error
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"cache file {path}: cannot be written: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
