"""Files of tables for the tests of what is read of them."""

import warnings
from pathlib import Path

from test_bench.test_tasks.data_files import SEED

from bench.describing.describe import describe
from bench.describing.model import TaskDescription
from bench.tasks.catalogue import family_of
from bench.tasks.resolve import resolve
from bench.tasks.tabular.columns import Column, Columns

LABELS = [f"{'yes' if i % 2 else 'no'}" for i in range(40)]


def written(root: Path, column: list[str], name: str = "x", separator: str = ",") -> str:
    """A table of one column, a plain one and the label; the values are cycled."""
    lines = [separator.join(["n", name, "label"])]
    lines += [
        separator.join([f"{(7 * i) % 11}.5", column[i % len(column)], label])
        for i, label in enumerate(LABELS)
    ]
    (root / "t.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return "table:t.csv,label=label"


def read(name: str) -> Columns:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        columns = family_of(name, name).columns()  # type: ignore[attr-defined]
        resolve(name).source(test=True)(SEED)
    assert isinstance(columns, Columns)
    return columns


def column(name: str, of: str = "x") -> Column:
    return next(each for each in read(name).table if each.name == of)


def told(name: str) -> TaskDescription:
    return describe(resolve(name))
