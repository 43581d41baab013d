"""Examples that many tasks and processes share: rows of one table, perhaps of bytes in a file."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Table = NDArray[np.float32] | NDArray[np.uint8]
ONE = np.ones(1, np.float32)
ZERO = np.zeros(1, np.float32)


@dataclass(frozen=True, eq=False)
class Examples:
    """Rows of a table [M, D] of float32 numbers or of bytes; what a learner sees is
    table * scale + shift, float32.

    rows: int64 [N]; scale, shift: float32 [D] or [1]. A subset shares the table. A table that is
    a memory-mapped file crosses process boundaries as the file's name.
    """

    table: Table
    rows: NDArray[np.int64]
    scale: NDArray[np.float32] = field(default_factory=lambda: ONE)
    shift: NDArray[np.float32] = field(default_factory=lambda: ZERO)

    def __len__(self) -> int:
        """N, the number of examples."""
        return len(self.rows)

    def __getitem__(self, chosen: Any) -> "Examples":
        """Some of the examples, by numbers, a mask or a slice."""
        return Examples(self.table, self.rows[chosen], self.scale, self.shift)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """The numbers a learner sees, [N, D]; always a copy."""
        if copy is False:
            raise ValueError("examples are computed from their table: they need a copy")
        numbers = self.table[self.rows].astype(np.float32) * self.scale + self.shift
        return numbers.astype(dtype or np.float32, copy=False)

    @property
    def shape(self) -> tuple[int, int]:
        """(N, D)."""
        return len(self.rows), self.table.shape[1]

    def same_table(self, other: "Examples") -> bool:
        """Whether both are rows of one table, seen at the same scale."""
        return (
            self.table is other.table
            and np.array_equal(self.scale, other.scale)
            and np.array_equal(self.shift, other.shift)
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled with the name of the table's file, or else with its own rows alone."""
        if isinstance(self.table, np.memmap):
            return _of_file, (mapped_place(self.table), self.rows, self.scale, self.shift)
        own, rows = np.unique(self.rows, return_inverse=True)
        return Examples, (self.table[own], rows, self.scale, self.shift)


def mapped_place(table: "np.memmap[Any, Any]") -> tuple[str, str, int, tuple[int, ...]]:
    """File, type, offset in bytes and shape of a memory-mapped table."""
    return str(table.filename), str(table.dtype), int(table.offset), table.shape


def map_table(path: str | Path, dtype: str, offset: int, shape: tuple[int, ...]) -> Table:
    """A table in a file, mapped so that all processes share its pages; nobody writes to it."""
    # "c", copy on write: torch warns of an array that cannot be written to.
    return np.memmap(path, dtype=dtype, mode="c", offset=offset, shape=shape)


_opened: dict[tuple[str, str, int, tuple[int, ...]], Table] = {}


def _of_file(
    place: tuple[str, str, int, tuple[int, ...]],
    rows: NDArray[np.int64],
    scale: NDArray[np.float32],
    shift: NDArray[np.float32],
) -> Examples:
    """Examples of a file that is mapped once in a process, so that they share their table."""
    if place not in _opened:
        _opened[place] = map_table(*place)
    return Examples(_opened[place], rows, scale, shift)
