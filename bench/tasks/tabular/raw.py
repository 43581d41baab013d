"""A table as it was read, before anything is decided about its columns."""

import unicodedata
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError, nearest

MAX_SHOWN = 60
MAX_OFFERED = 40


class RawColumn(NamedTuple):
    """A column under its name, without outer blanks.

    values: texts without outer blanks, "" where there is none; or numbers, NaN where there is
    none, of a file that says so. declared: whether the file says that the texts are categories.
    obstacle: why it cannot be used, "" where it can.
    """

    name: str
    values: "list[str] | NDArray[np.float64]"
    declared: bool = False
    obstacle: str = ""


class RawTable(NamedTuple):
    """Columns of one length under different names; notes: what was decided so far; doubts: what
    a reader should look at."""

    columns: tuple[RawColumn, ...]
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    def place(self, where: str, wanted: str) -> int:
        """The number of the column of this name. Raises InputError where there is none."""
        names = [column.name for column in self.columns]
        key = name_key(wanted)
        for number, name in enumerate(names):
            if name_key(name) == key:
                return number
        same = [name for name in names if name_key(name).casefold() == key.casefold()]
        hint = f"; did you mean {shown(same[0])}?" if same else nearest(wanted, names[:MAX_OFFERED])
        raise InputError(f"{where} has no column {shown(wanted)}{hint}")


class TableTerms(NamedTuple):
    """What a task's name says of its table.

    missing: texts that stand for a missing value. words: columns that are categories whatever
    they look like. without: columns that are left out.
    """

    label: str
    missing: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


def name_key(name: str) -> str:
    """What two spellings of one name share: no outer blanks, composed letters."""
    return unicodedata.normalize("NFC", name.strip())


def shown(text: Any) -> str:
    """A name or a value in quotes, on one line, cut where it is long."""
    whole = str(text)
    return repr(whole if len(whole) <= MAX_SHOWN else whole[:MAX_SHOWN] + "...")


def term(key: str, value: str) -> str:
    """What to add to a task's name, as it is typed there."""
    plain = (sign if sign.isprintable() and sign not in ",+%|" else quote(sign) for sign in value)
    return f"{key}={''.join(plain)}"


def named(where: str, names: list[str]) -> tuple[list[str], list[int]]:
    """Names of columns without outer blanks, and the numbers of those that have none.

    A column without a name is called by its place, as R's row names are. Raises InputError for
    two columns of one name.
    """
    stripped = [name.strip() for name in names]
    nameless = [number for number, name in enumerate(stripped) if not name]
    for number in nameless:
        stripped[number] = f"column {number + 1}"
    seen: dict[str, int] = {}
    for number, name in enumerate(stripped):
        first = seen.setdefault(name_key(name), number)
        if first != number:
            raise InputError(
                f"{where} has two columns {shown(name)}, numbers {first + 1} and {number + 1}; "
                "give each a name of its own"
            )
    return stripped, nameless
