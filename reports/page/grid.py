"""The grid of verdicts at the head of a page: rows of losses or settings, columns of tasks."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from reports.page.table import Table
from reports.page.wording import DASH, Unit
from reports.verdicts.kinds import label_of

MAX_SHORT = 5
"""Rows of a grid that leaves room for a figure below it."""


@dataclass(frozen=True)
class GridCell:
    """One comparison: its size as text, its verdict, what could have been found, and why.

    limit: beside an inconclusive verdict the smallest difference that would have been found;
    empty beside any other. A cell whose verdict is no kind of verdict (`verdict` empty) has `label`
    in its place.
    """

    size: str
    verdict: str
    limit: str = ""
    reason: str = ""
    label: str = ""

    @property
    def text(self) -> str:
        """The verdict in words, and what could have been found."""
        words = self.label or (label_of(self.verdict) if self.verdict else "")
        return f"{words} {self.limit}".strip()


@dataclass(frozen=True)
class GridRow:
    """A row by its name; `about` says what kind of row it is, where it is no candidate."""

    name: str
    cells: Sequence[GridCell | None]
    about: str = ""


@dataclass(frozen=True)
class GridGroup:
    """Rows under one heading, as of one baseline; no heading where there is one group."""

    title: str
    rows: Sequence[GridRow]


@dataclass(frozen=True)
class Grid:
    """Groups of rows over the same columns; `note` explains what the cells hold.

    corner: what the rows are. in_table: names of the columns of its CSV that hold group and row.
    """

    name: str
    title: str
    corner: str
    columns: Sequence[str]
    groups: Sequence[GridGroup]
    note: str
    in_table: tuple[str, str] = ("baseline", "loss")

    @property
    def is_short(self) -> bool:
        """Whether a column beside a figure has room for another one under the grid."""
        return sum(len(group.rows) for group in self.groups) <= MAX_SHORT

    def table(self) -> Table:
        """The same as a table, one line per row, for CSV and LaTeX."""
        lines = [
            [group.title, row.name]
            + [DASH if cell is None else f"{cell.size} {cell.text}".strip() for cell in row.cells]
            for group in self.groups
            for row in group.rows
        ]
        frame = pd.DataFrame(lines, columns=[*self.in_table, *self.columns])
        if not any(group.title for group in self.groups):
            frame = frame.drop(columns=self.in_table[0])
        return Table(self.name, self.title, self.note, frame, frame)


def limit_text(verdict: str, detectable: float | None, unit: Unit) -> str:
    """`<1.5` beside an inconclusive verdict: the smallest difference that would have been found.

    detectable: in the metric's own units, None where no difference could have been.
    """
    if verdict != "inconclusive":
        return ""
    return f"<{unit.value(detectable)}" if detectable is not None else "(too few)"


LIMIT_NOTE = (
    "A number after inconclusive: true differences below it would mostly have been missed "
    "(80 % power)."
)
"""What `limit_text` means, for the note of a grid."""
