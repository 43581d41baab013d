"""One table, as numbers for CSV and as text for the page and LaTeX."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from reports.wording import DASH, MINUS, PLUS_MINUS

MOST_SHOWN = 300
"""Rows of a table on the page and in LaTeX; its CSV has all."""


@dataclass(frozen=True)
class Table:
    """`numbers` goes to CSV; `shown` has the same meaning as text.

    `bold` lists (row, column) positions of `shown`; `classes` names a style per row; `links`
    maps positions to anchors of the page, where the rows behind a number are; `anchors` gives
    the rows anchors of their own; `notes` explains positions in a tool tip; `tags` are verdicts
    of single positions.
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

    @property
    def rows(self) -> list[list[object]]:
        """The rows that the page shows: at most MOST_SHOWN."""
        return self.shown.iloc[:MOST_SHOWN].to_numpy(dtype=object).tolist()

    @property
    def cut(self) -> str:
        """What to say where the page does not show all rows."""
        if len(self.shown) <= MOST_SHOWN:
            return ""
        return f" The first {MOST_SHOWN} of {len(self.shown)} rows; tables/{self.name}.csv has all."

    def csv(self) -> str:
        """The numbers as CSV."""
        return self.numbers.to_csv(index=False, lineterminator="\n")

    def latex(self) -> str:
        """The text as a LaTeX tabular with booktabs rules, of the rows that the page shows."""
        own = self.shown.iloc[:MOST_SHOWN]
        bold = pd.DataFrame("", index=own.index, columns=own.columns)
        for row, column in self.bold:
            if row >= MOST_SHOWN:
                continue
            bold.iloc[row, column] = "textbf:--rwrap"
        shown = own.map(latex_text)
        shown.columns = pd.Index([latex_text(name) for name in self.shown.columns])
        bold.columns = shown.columns
        style = shown.style.apply(lambda _: bold, axis=None).hide(axis="index")
        # Numbers with signs and decimals are compared by eye where they end alike.
        columns = ["r" if all(map(_is_number, own[name])) else "l" for name in own.columns]
        return str(style.to_latex(hrules=True, column_format="".join(columns)))


_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "$": r"\$",
    "#": r"\#", "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"$<$", ">": r"$>$", MINUS: "$-$", PLUS_MINUS: r"$\pm$", DASH: "--",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "\N{GREEK SMALL LETTER ETA}": r"$\eta$", "\N{SUPERSCRIPT TWO}": "$^2$",
    "\N{INFINITY}": r"$\infty$", "\N{DAGGER}": r"\dag{}",
}  # fmt: skip


_NUMBER = re.compile(rf"[+{MINUS}-]?[\d.,]+|[<>] [\d.]+|{DASH}|")


def _is_number(text: object) -> bool:
    return _NUMBER.fullmatch(str(text)) is not None


def latex_text(text: str) -> str:
    """Text with LaTeX's special characters escaped."""
    return "".join(_LATEX.get(character, character) for character in str(text))
