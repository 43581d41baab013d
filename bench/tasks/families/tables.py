"""Tables of numbers and words with a label column: the user's own, and scikit-learn's."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.random import SeedSequence
from numpy.typing import NDArray

from bench.errors import InputError, nearest
from bench.tasks.base import Labels
from bench.tasks.cache import content_digest
from bench.tasks.data_root import located
from bench.tasks.splits import MIN_PER_CLASS, TEST_SHARE, Parts, check_classes, drawn, fixed_test
from mln.task import Split, Task

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.compose import ColumnTransformer

MAX_CLASSES = 1000
MAX_FEATURES = 4096


class Columns(NamedTuple):
    """A checked table: its columns, labels [N], class names and fixed split.

    words: the values of each column of words, in order; they are the table's form, not a fit.
    """

    frame: "pd.DataFrame"
    y: Labels
    classes: tuple[str, ...]
    parts: Parts
    numbers: tuple[str, ...]
    words: dict[str, list[str]]

    @property
    def features(self) -> int:
        """D, after each word has become a feature."""
        return len(self.numbers) + sum(map(len, self.words.values()))


class TableFamily(ABC):
    """Tasks drawn from one table; all preprocessing is fitted on the training split alone.

    Numbers: the median in place of a missing value, then mean 0 and deviation 1. Words: the most
    frequent one in place of a missing value, then a feature for each.
    """

    name: str
    image: None = None

    @property
    @abstractmethod
    def stem(self) -> str:
        """The name without a path."""

    @abstractmethod
    def columns(self) -> Columns:
        """The table; InputError where it cannot be used."""

    def draw(self, seed: SeedSequence, *, test: bool) -> Task:
        """The task at `seed`; without `test` its test split is None.

        Raises InputError for data that cannot be used.
        """
        columns = self.columns()
        parts = columns.parts
        train, inner, outer = drawn(self.stem, columns.y, parts.rest, parts.valid_sizes, seed)
        preprocessing = _preprocessing(columns)
        preprocessing.fit(columns.frame.iloc[train])

        def take(rows: NDArray[np.int64]) -> Split:
            x = preprocessing.transform(columns.frame.iloc[rows])
            return Split(np.ascontiguousarray(x, np.float32), columns.y[rows])

        return Task(
            name=self.name,
            features=columns.features,
            classes=len(columns.classes),
            train=take(train),
            inner_valid=take(inner),
            outer_valid=take(outer),
            test=take(parts.test) if test else None,
        )


@dataclass(frozen=True)
class TableFile(TableFamily):
    """A CSV or Parquet file with a label column."""

    name: str
    path: str
    label: str
    description: str = "your own CSV or Parquet table with a label column"
    data: str = "yours"

    @property
    def stem(self) -> str:
        """The name without the path."""
        return f"table,{self.name.rpartition(',')[2]}"

    @property
    def features(self) -> int:
        """D, after each word has become a feature."""
        return self.columns().features

    @property
    def classes(self) -> int:
        """C, the different labels."""
        return len(self.columns().classes)

    @property
    def train_size(self) -> tuple[int, int]:
        """The same for every seed."""
        size = self.columns().parts.train_size
        return size, size

    @property
    def content(self) -> str:
        """A digest of the file."""
        place = self._place()
        return content_digest([(place.name, place)])

    def columns(self) -> Columns:
        """The table, read once in a process."""
        return _read_columns(self, self._place(), self.content)

    def _place(self) -> Path:
        place = located(self.path)
        if not place.is_file():
            raise InputError(
                f"task '{self.name}': {place} does not exist; relative paths begin at --data-root "
                "(a '+' or ',' within a path is written %2B, %2C)"
            )
        return place


@lru_cache(maxsize=8)
def _read_columns(family: TableFile, place: Path, content: str) -> Columns:
    del content  # part of the cache's key
    where = f"task '{family.name}'"
    frame = read_frame(where, place)
    if family.label not in frame.columns:
        hint = nearest(family.label, map(str, frame.columns))
        raise InputError(f"{where}: {place.name} has no column {family.label!r}{hint}")
    return checked(where, frame.drop(columns=family.label), frame[family.label])


def read_frame(where: str, place: Path) -> "pd.DataFrame":
    """A CSV or Parquet file. Raises InputError where it is neither."""
    import pandas as pd

    try:
        if place.suffix.lower() in (".parquet", ".pq"):
            frame = pd.read_parquet(place)
        else:
            frame = pd.read_csv(place)
    except ImportError as error:
        raise InputError(
            f"{where}: Parquet needs pyarrow: pip install 'mln-bench[parquet]'"
        ) from error
    except Exception as error:  # each engine has exceptions of its own
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"{where}: {place} cannot be read: {reason}") from error
    frame.columns = frame.columns.map(str)
    if frame.columns.duplicated().any():
        twice = frame.columns[frame.columns.duplicated()][0]
        raise InputError(f"{where}: {place.name} has two columns {twice!r}")
    return frame


def checked(where: str, frame: "pd.DataFrame", labels: "pd.Series[Any]") -> Columns:
    """A table that can be learned from. Raises InputError, one line, for any other."""
    from pandas.api import types

    if labels.isna().any():
        row = int(np.flatnonzero(labels.isna())[0]) + 1
        raise InputError(f"{where}: row {row} has no label in column {labels.name!r}")
    names, y = np.unique(labels.astype(str).to_numpy(object).astype(str), return_inverse=True)
    if len(names) > min(MAX_CLASSES, max(len(y) // 2, 2)) and len(y) >= 2:
        raise InputError(
            f"{where}: column {labels.name!r} has {len(names)} different labels in {len(y)} rows; "
            "a classification needs fewer classes"
        )
    if frame.columns.empty:
        raise InputError(f"{where}: there is no column but the label's")
    classes = tuple(map(str, names))
    check_classes(where, y, classes, MIN_PER_CLASS)
    numbers: list[str] = []
    words: dict[str, list[str]] = {}
    made = {}
    for name, column in frame.items():
        if column.isna().all():
            raise InputError(f"{where}: column {name!r} has no value at all; remove it")
        if types.is_numeric_dtype(column) or types.is_bool_dtype(column):
            made[name] = column.astype(float)
            if np.isinf(made[name]).any():
                raise InputError(f"{where}: column {name!r} holds an infinite number")
            numbers.append(str(name))
        elif types.is_datetime64_any_dtype(column):
            raise InputError(f"{where}: column {name!r} holds times; make them numbers")
        else:
            text = column.astype(object).where(column.notna(), np.nan)
            made[name] = text.map(str, na_action="ignore")
            words[str(name)] = sorted(made[name].dropna().unique())
    import pandas as pd

    columns = Columns(
        pd.DataFrame(made), y.astype(np.int64), classes, fixed_test(y, minimum=1),
        tuple(numbers), words,
    )  # fmt: skip
    if columns.features > MAX_FEATURES:
        widest = max(words, key=lambda name: len(words[name]), default="")
        raise InputError(
            f"{where}: {columns.features} features are too many; column {widest!r} alone has "
            f"{len(words.get(widest, ()))} different words: remove it if it is a name or a number"
        )
    return columns


def _preprocessing(columns: Columns) -> "ColumnTransformer":
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    # A column that is empty in a small training split is kept, so that all have the same features.
    median = SimpleImputer(strategy="median", keep_empty_features=True)
    encoder = OneHotEncoder(
        categories=list(columns.words.values()), handle_unknown="ignore", sparse_output=False
    )
    frequent = SimpleImputer(strategy="most_frequent", keep_empty_features=True)
    return ColumnTransformer(
        [
            ("numbers", make_pipeline(median, StandardScaler()), list(columns.numbers)),
            ("words", make_pipeline(frequent, encoder), list(columns.words)),
        ]
    )


@dataclass(frozen=True)
class ShippedTable(TableFamily):
    """A table that comes with scikit-learn; `loader` names its function."""

    name: str
    loader: str
    features: int
    classes: int
    examples: int
    description: str
    data: str
    content: str = ""  # its version is scikit-learn's, which every key holds
    train_size: tuple[int, int] = field(init=False)

    def __post_init__(self) -> None:
        test = round(TEST_SHARE * self.examples)
        parts = Parts(np.arange(test), np.arange(test, self.examples))
        object.__setattr__(self, "train_size", (parts.train_size,) * 2)

    @property
    def stem(self) -> str:
        """The name: it has no path."""
        return self.name

    def columns(self) -> Columns:
        """The table, read once in a process."""
        return _shipped_columns(self.name, self.loader)


@lru_cache(maxsize=4)
def _shipped_columns(name: str, loader: str) -> Columns:
    from sklearn import datasets

    raw = getattr(datasets, loader)(as_frame=True)
    return checked(f"task '{name}'", raw.data, raw.target)


SHIPPED_TABLES = (
    ShippedTable(
        "wine",
        "load_wine",
        13,
        3,
        178,
        "chemical analyses of three cultivars' wines; fixed test split",
        "scikit-learn's load_wine, from the UCI repository (Aeberhard and Forina 1992), CC BY 4.0",
    ),
    ShippedTable(
        "breast_cancer",
        "load_breast_cancer",
        30,
        2,
        569,
        "measures of cell nuclei, malignant or benign; fixed test split",
        "scikit-learn's load_breast_cancer, from the UCI repository (Wolberg et al. 1993), "
        "CC BY 4.0",
    ),
)
