"""Decoded data in files that all processes map: written whole, then renamed, never changed.

A file is named after what it is made of, so two processes that make it at once make the same
one, and a killed process leaves a temporary file alone.
"""

import hashlib
import io
import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError
from mln.atomic import write_atomically
from mln.cache_folder import cache_folder
from mln.examples import Table, map_table

Bytes = NDArray[np.uint8]
READ_BYTES = 1 << 20

CODE = Path(__file__).parent
"""The folder, subfolders included, whose code makes the files."""


def data_cache() -> Path:
    """The folder of decoded data; it need not exist."""
    return cache_folder("data")


def content_digest(files: Sequence[tuple[str, Path]]) -> str:
    """SHA-256 of the names and the bytes of some files, given as (name, path).

    It is remembered under their paths, sizes and times of change, so that nothing is read twice:
    a file that is changed without a new size or time goes unnoticed.

    Raises OSError for a file that cannot be read, InputError for a cache that cannot be written.
    """
    stats = [(name, path.stat()) for name, path in files]
    state = [
        (name, str(path.absolute()), stat.st_size, stat.st_mtime_ns)
        for (name, path), (_, stat) in zip(files, stats, strict=True)
    ]
    note = data_cache() / f"{_digest(state)}.digest"
    if note.exists() and len(known := note.read_text("ascii")) == 64:
        return known
    total = hashlib.sha256()
    for name, path in sorted(files):
        total.update(f"{name}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            while block := file.read(READ_BYTES):
                total.update(block)
    _write(note, total.hexdigest())
    return total.hexdigest()


def key_of(kind: str, *parts: Any) -> str:
    """The name of what this code makes of `parts`, any JSON values."""
    return f"{kind}-{_digest([_code(CODE), *parts])[:32]}"


def read_arrays(key: str) -> dict[str, NDArray[Any]] | None:
    """The arrays that `write_arrays` wrote, or None."""
    path = _arrays_path(key)
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


def write_arrays(key: str, **arrays: NDArray[Any]) -> None:
    """Keep small arrays under a key. Raises InputError where the cache cannot be written."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]  # the stub mistakes arrays for a flag
    _write(_arrays_path(key), buffer.getvalue())


def table_path(key: str) -> Path:
    """The file of a table."""
    return data_cache() / f"{key}.table"


def write_table(path: Path, blocks: Iterable[Table]) -> None:
    """Write a table, block by block. Raises InputError as `write_arrays` does."""
    _write(path, (np.ascontiguousarray(block).data for block in blocks))


def mapped(path: Path, rows: int, columns: int, dtype: str = "uint8") -> Table | None:
    """A table's file, mapped once in a process; None where it is not there, or not whole."""
    if not path.exists() or path.stat().st_size != rows * columns * np.dtype(dtype).itemsize:
        return None
    return _map(path, rows, columns, dtype)


@lru_cache(maxsize=64)
def _map(path: Path, rows: int, columns: int, dtype: str) -> Table:
    return map_table(path, dtype, 0, (rows, columns))


def _arrays_path(key: str) -> Path:
    return data_cache() / f"{key}.npz"


@lru_cache(maxsize=4)
def _code(folder: Path) -> str:
    """A digest of all that decodes or changes data: other code makes other files."""
    total = hashlib.sha256()
    for file in sorted(folder.rglob("*.py")):
        total.update(file.read_bytes())
    return total.hexdigest()


def _write(path: Path, content: bytes | str | Iterable[bytes | memoryview]) -> None:
    try:
        write_atomically(path, content)
    except OSError as error:
        raise InputError(
            f"cache folder {path.parent}: cannot be written: {error.strerror}; "
            "name another one in MLN_CACHE"
        ) from error


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
