"""One table, as numbers for CSV and as text for the page and LaTeX."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from reports.page import latex
from reports.page.wording import DASH, Unit, unit_of

MAX_ROWS_SHOWN = 300
"""Rows of a table on the page and in LaTeX; its CSV has all."""


@dataclass(frozen=True)
class Table:
    """`numbers` goes to CSV; `shown` has the same meaning as text.

    `bold` lists (row, column) positions of `shown`; `classes` names a style per row; `links`
    maps positions to anchors of the page, where the rows behind a number are; `anchors` gives
    the rows anchors of their own; `notes` explains positions in a tool tip; `tags` are verdicts
    of single positions. `omitted` are columns that a printed page has no room for: LaTeX has all
    others. `in_latex`: whether a paper could use it at all.
    """

    name: str
    title: str
    caption: str
    numbers: pd.DataFrame
    shown: pd.DataFrame
    bold: frozenset[tuple[int, int]] = frozenset()
    classes: Sequence[str] = ()
    links: Mapping[tuple[int, int], str] = field(default_factory=dict)
    notes: Mapping[tuple[int, int], str] = field(default_factory=dict)
    anchors: Sequence[str] = ()
    tags: Mapping[tuple[int, int], str] = field(default_factory=dict)
    omitted: Collection[str] = ()
    in_latex: bool = True

    @property
    def heading(self) -> str:
        """The line that unfolds it."""
        return self.title

    @property
    def rows(self) -> list[list[object]]:
        """The rows that the page shows: at most MAX_ROWS_SHOWN."""
        return self.shown.iloc[:MAX_ROWS_SHOWN].to_numpy(dtype=object).tolist()

    @property
    def cut(self) -> str:
        """What to say where the page does not show all rows."""
        if len(self.shown) <= MAX_ROWS_SHOWN:
            return ""
        count = len(self.shown)
        return f" The first {MAX_ROWS_SHOWN} of {count} rows; tables/{self.name}.csv has all."

    def csv(self) -> str:
        """The numbers as CSV."""
        return self.numbers.to_csv(index=False, lineterminator="\n")

    def latex(self) -> str:
        """The text as LaTeX, of the rows that the page shows."""
        kept = [c for c, name in enumerate(self.shown.columns) if name not in self.omitted]
        places = {c: place for place, c in enumerate(kept)}
        return latex.tabulars(
            [str(self.shown.columns[c]) for c in kept],
            [[str(row[c]) for c in kept] for row in self.rows],
            {(r, places[c]) for r, c in self.bold if c in places},
        )


def interval_text(low: float | None, high: float | None, unit: Unit) -> str:
    """`[low, high]`, or a dash."""
    if low is None or high is None:
        return DASH
    return f"[{unit.value(low)}, {unit.value(high)}]"


def plain_frame(
    name: str, title: str, caption: str, frame: pd.DataFrame, *, in_latex: bool = True
) -> Table:
    """A frame shown as it is, numbers shortened."""
    return Table(name, title, caption, frame, frame.map(_short), in_latex=in_latex)


def trials_table(trials: pd.DataFrame, caption: str) -> Table:
    """The trials of a study, their gains over CE in points whatever metric they are of."""
    gains = [unit_of("accuracy").gain(value) for value in trials["value"]]
    shown = trials.assign(value=gains).map(_short).rename(columns={"value": "gain (points)"})
    return Table("trials", "Trials", caption, trials, shown)


def _short(value: object) -> str:
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return DASH
    return f"{value:.4g}" if isinstance(value, float) else str(value)
