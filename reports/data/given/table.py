"""Tables that a user gives: read from CSV, Parquet or a frame, checked column by column.

Every complaint is one line that names the table, the place in it and what to do.
"""

import csv
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.errors import InputError, nearest

EMPTY = frozenset({"", "nan", "na", "n/a", "none", "null", "<na>"})
"""Numbers that are absent, in lower case; names are taken as they are written."""

LARGEST = 1e100
"""The largest number: squares of larger ones, as in a variance, need not be finite."""

SEPARATORS = (",", ";", "\t")
MAX_NAMED = 5
"""Places or columns that a message names."""


class ResultTable(NamedTuple):
    """A table and how messages call it.

    name: of the file, or `the frame`. frame: with a plain index. numbers: the line (of a file of
    text) or row (from 0) of each row.
    """

    name: str
    frame: pd.DataFrame
    numbers: NDArray[np.int64]
    noun: str = "line"

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        return [str(name) for name in self.frame.columns]

    def at(self, place: int) -> str:
        """`results.csv, line 7`."""
        return f"{self.name}, {self.noun} {self.numbers[place]}"

    def lines(self, places: Iterable[int]) -> str:
        """`lines 7 and 12`."""
        own = [str(self.numbers[place]) for place in places]
        if len(own) > MAX_NAMED:
            own = [*own[:MAX_NAMED], f"{len(own) - MAX_NAMED} more"]
        return f"{self.noun}s {', '.join(own[:-1])} and {own[-1]}"

    def require(self, names: Iterable[str]) -> None:
        """Raises InputError for the first column that is absent, with the nearest name."""
        for name in names:
            if name not in self.frame:
                hint = nearest(name, map(str, self.frame.columns))
                raise InputError(f"{self.name}: has no column {name!r}{hint}")

    def texts(self, name: str, default: str | None = None) -> pd.Series:
        """A column of names; raises InputError where one is empty and there is no default."""
        column = self.frame[name]
        text = column.astype(str).str.strip().astype(object)
        absent = (column.isna() | (text == "")).to_numpy()
        if absent.any() and default is None:
            raise InputError(f"{self.at(int(absent.argmax()))}: {name} is empty")
        return text.mask(absent, default).astype(str)

    def numbers_of(self, name: str) -> NDArray[np.float64]:
        """A column of numbers, NaN where it is empty.

        Raises InputError for what is no number, and for one that is infinite or nearly so.
        """
        column = self.frame[name]
        values = _as_numbers(column)
        wrong = np.isnan(values) & ~_absent(column)
        if wrong.any():
            place = int(wrong.argmax())
            shown = str(column.iloc[place]).strip()
            raise InputError(f"{self.at(place)}: {name} is {shown!r}, not a number")
        if np.isinf(values).any():
            place = int(np.isinf(values).argmax())
            raise InputError(
                f"{self.at(place)}: {name} is infinite; give the run the status diverged"
            )
        if (np.abs(values) > LARGEST).any():
            place = int((np.abs(values) > LARGEST).argmax())
            raise InputError(
                f"{self.at(place)}: {name} is {values[place]:g}; numbers above {LARGEST:g} cannot "
                "be averaged"
            )
        return values

    def integers(self, name: str) -> NDArray[np.int64]:
        """A column of whole numbers; raises InputError for anything else."""
        values = self.numbers_of(name)
        wrong = np.isnan(values) | (values != np.rint(values)) | (np.abs(values) > 2.0**53)
        if wrong.any():
            place = int(wrong.argmax())
            own = str(self.frame[name].iloc[place]).strip()
            shown = "empty" if _absent(self.frame[name])[place] else f"{own!r}"
            raise InputError(f"{self.at(place)}: {name} is {shown}, not a whole number")
        return values.astype(np.int64)

    def booleans(self, name: str) -> NDArray[np.bool_]:
        """A column of True and False, or 1 and 0; raises InputError for anything else."""
        text = self.texts(name).str.lower()
        wrong = ~text.isin(["true", "false", "1", "0"]).to_numpy()
        if wrong.any():
            place = int(wrong.argmax())
            raise InputError(
                f"{self.at(place)}: {name} is {text.iloc[place]!r}, neither True nor False"
            )
        return text.isin(["true", "1"]).to_numpy()

    def is_numeric(self, name: str, share: float = 1.0) -> bool:
        """Whether a column holds numbers, one at least; share: of what is not empty."""
        column = self.frame[name]
        numbers, written = np.isfinite(_as_numbers(column)).sum(), (~_absent(column)).sum()
        return bool(numbers and numbers >= share * written)


def read_table(path: Path) -> ResultTable:
    """Read a CSV file (comma, semicolon or tab) or a Parquet file (by its ending).

    Raises InputError for a file that cannot be read, is no such table or holds no row.
    """
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            frame = pd.read_parquet(path)
            return _checked(str(path), frame.reset_index(drop=True), np.arange(len(frame)), "row")
        with path.open(encoding="utf-8-sig") as lines:
            header = lines.readline()
        separator = max(SEPARATORS, key=header.count)
        _check_names(str(path), next(csv.reader([header], delimiter=separator), []))
        frame = _read_csv(path, separator)
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file in UTF-8; save it as CSV (UTF-8)") from error
    except ImportError as error:
        raise InputError(
            f"{path}: reading Parquet needs pyarrow: pip install 'mln-bench[parquet]'"
        ) from error
    except pd.errors.EmptyDataError as error:
        raise InputError(f"{path}: is empty") from error
    except pd.errors.ParserWarning as error:
        raise InputError(f"{path}: its rows have more fields than its header") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error).strip().splitlines()[0]
        raise InputError(f"{path}: cannot be read: {reason}") from error
    blank = (frame == "").all(axis=1).to_numpy()
    numbers = np.flatnonzero(~blank) + 2  # the first line is the header
    return _checked(str(path), frame[~blank].reset_index(drop=True), numbers, "line")


def of_frame(frame: pd.DataFrame, name: str = "the frame") -> ResultTable:
    """A frame as a table; raises InputError where it holds no row or names a column twice."""
    plain = frame.reset_index(drop=True)
    return _checked(name, plain, np.arange(len(plain)), "row")


def _read_csv(path: Path, separator: str) -> pd.DataFrame:
    with warnings.catch_warnings():
        # A line with too many fields must not shift the columns.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        return pd.read_csv(
            path,
            sep=separator,
            dtype=str,
            encoding="utf-8-sig",
            keep_default_na=False,
            skip_blank_lines=False,
            index_col=False,
            skipinitialspace=True,
        )


def _checked(name: str, frame: pd.DataFrame, numbers: NDArray[np.int64], noun: str) -> ResultTable:
    frame.columns = [str(column).strip() for column in frame.columns]
    _check_names(name, list(frame.columns))
    if frame.empty:
        raise InputError(f"{name}: has a header but no row" if len(frame.columns) else
                         f"{name}: is empty")  # fmt: skip
    return ResultTable(name, frame, np.asarray(numbers, dtype=np.int64), noun)


def _check_names(name: str, columns: list[str]) -> None:
    for place, column in enumerate(columns):
        if column.strip() in [other.strip() for other in columns[:place]]:
            raise InputError(f"{name}: column {column.strip()!r} stands there twice")


def _as_numbers(column: pd.Series) -> NDArray[np.float64]:
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(dtype=float, na_value=np.nan)
    values: NDArray[np.float64] = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float)
    return values


def _absent(column: pd.Series) -> NDArray[np.bool_]:
    if pd.api.types.is_numeric_dtype(column):
        return np.asarray(column.isna(), dtype=bool)
    text = column.astype(str).str.strip().str.lower()
    return np.asarray(column.isna() | text.isin(EMPTY), dtype=bool)
