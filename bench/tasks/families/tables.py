"""Tables of numbers and words with a label column: the user's own, and scikit-learn's."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.random import SeedSequence

from bench.errors import InputError
from bench.tasks.base import Labels
from bench.tasks.cache import content_digest
from bench.tasks.data_root import located
from bench.tasks.facts import FamilyFacts
from bench.tasks.splits import TEST_SHARE, Parts, drawn
from bench.tasks.tabular.columns import Columns, checked
from bench.tasks.tabular.encoding import Encoding
from bench.tasks.tabular.files import read_table
from bench.tasks.tabular.raw import RawColumn, RawTable, TableTerms
from mln.task import Split, Task


class TableFamily(ABC):
    """Tasks drawn from one table; all that is fitted is fitted on the training split alone."""

    name: str
    image: None = None

    @property
    @abstractmethod
    def stem(self) -> str:
        """The name without a path."""

    @abstractmethod
    def columns(self) -> Columns:
        """The table; InputError where it cannot be used."""

    def facts(self) -> FamilyFacts:
        """Classes, columns and what was decided about them; raises as `columns` does."""
        columns = self.columns()
        return FamilyFacts(
            classes=columns.classes,
            features=tuple(column.facts() for column in columns.table),
            notes=columns.notes,
            warnings=columns.doubts,
        )

    def draw(self, seed: SeedSequence, *, test: bool) -> Task:
        """The task at `seed`; without `test` its test split is None.

        Raises InputError for data that cannot be used.
        """
        columns = self.columns()
        parts = columns.parts
        train, inner, outer = drawn(self.stem, columns.y, parts.rest, parts.valid_sizes, seed)
        encoded = Encoding(columns, train)

        def take(rows: Labels) -> Split:
            return Split(encoded(rows), columns.y[rows])

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
    terms: TableTerms
    description: str = "your own CSV or Parquet table with a label column"
    data: str = "yours, under its own licence"

    @property
    def stem(self) -> str:
        """The name without the path."""
        return f"table,{self.name.partition(',')[2]}"

    @property
    def features(self) -> int:
        """D, as a learner sees them."""
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
    raw = read_table(where, place, family.terms.label)
    return checked(where, f"{where}: {place.name}", raw, family.terms)


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

    raw = getattr(datasets, loader)()
    where = f"task '{name}'"
    numbers = [
        RawColumn(str(feature), raw.data[:, k]) for k, feature in enumerate(raw.feature_names)
    ]
    label = RawColumn("class", [str(raw.target_names[k]) for k in raw.target])
    return checked(where, where, RawTable((*numbers, label)), TableTerms("class"))


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
