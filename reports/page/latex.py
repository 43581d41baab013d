"""Tables for LaTeX: booktabs rules, no wider than the line of the text.

A standard article has lines of 345 pt. Cells and headings that are long are broken, no more than
the table needs to fit; one that does not fit even then is scaled down.
"""

import re
from collections.abc import Collection, Sequence
from itertools import groupby, pairwise

from reports.page.wording import DASH, MINUS, PLUS_MINUS

LINE = 345.0
"""Width of the text in a standard article, in pt."""

LETTER, COLUMN = 4.5, 8.0
"""Mean width of a letter in footnotesize, and the space between two columns, in pt."""

LINE_LENGTHS = (40, 28, 20, 14, 10, 8)
"""Letters of a line within a cell: the first of these with which the table fits is taken."""

MAX_LINES = 48
"""Lines of a tabular; a longer table goes on in another, so that a page can break between."""

NEEDS = "% Needs \\usepackage{booktabs,graphicx}; is never wider than the line.\n"

_HEAD = (
    "\\noindent\\begingroup\\footnotesize\\setlength{\\tabcolsep}{4pt}%\n"
    "\\def\\stack#1#2#3{\\begin{tabular}[#1]{@{}#2@{}}#3\\end{tabular}}%\n"
    "\\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}{%\n"
)
_FOOT = "}\\endgroup\n"

_ESCAPED = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "$": r"\$",
    "#": r"\#", "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "[": "{[}",  # after a line's end it would begin an option
    "<": r"$<$", ">": r"$>$", MINUS: "$-$", PLUS_MINUS: r"$\pm$", DASH: "--",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "\N{GREEK SMALL LETTER ETA}": r"$\eta$", "\N{SUPERSCRIPT TWO}": "$^2$",
    "\N{INFINITY}": r"$\infty$", "\N{DAGGER}": r"\dag{}",
}  # fmt: skip

_NUMBER = re.compile(rf"[+{MINUS}-]?[\d.,]+|[<>] [\d.]+|{DASH}|")

_BREAKS = re.compile(rf" (?=[\[({PLUS_MINUS}A-Za-z])|(?=\+\D)|(?<=[A-Za-z][._])(?=[A-Za-z])")
"""Before a bracket, a spread, a word or a regime, and between the parts of a name."""


def latex_text(text: object) -> str:
    """Text with LaTeX's special characters escaped."""
    return "".join(_ESCAPED.get(character, character) for character in str(text))


def tabulars(
    head: Sequence[str], rows: Sequence[Sequence[str]], bold: Collection[tuple[int, int]] = ()
) -> str:
    """A table as LaTeX, from its text; `bold` are (row, column) positions.

    Empty where there is no column: a tabular has one at least.
    """
    if not head:
        return ""
    columns = [[row[c] for row in rows] for c in range(len(head))]
    # Numbers with signs and decimals are compared by eye where they end alike.
    sides = ["r" if all(map(_is_number, column)) else "l" for column in columns]
    titles, cells = _fitted(head, columns)
    top = _row([_cell(lines, side, "b") for lines, side in zip(titles, sides, strict=True)])
    opened = f"{_HEAD}\\begin{{tabular}}{{{''.join(sides)}}}\n\\toprule\n{top}\n\\midrule\n"
    closed = f"\\bottomrule\n\\end{{tabular}}%\n{_FOOT}"
    grouped = _come_in_groups(columns[0])
    names = _over_their_rows(columns[0], cells[0]) if grouped else cells[0]
    bodies: list[list[str]] = [[]]
    used = 0
    for r in range(len(rows)):
        continues = grouped and r > 0 and columns[0][r] == columns[0][r - 1]
        own = [names[r], *(cell[r] for cell in cells[1:])]
        tall = max(map(len, own))
        if bodies[-1] and used + tall > MAX_LINES:
            bodies.append([])
            used = 0
            own[0] = cells[0][r]
        elif grouped and r and not continues:
            bodies[-1].append("\\addlinespace")
        used += tall
        line = _row([_cell(own[c], sides[c], "t", (r, c) in bold) for c in range(len(head))])
        bodies[-1].append(line if max(map(len, own)) == 1 else f"{line}[2pt]")
    parts = ["\n".join(body) for body in bodies]
    return NEEDS + "\\par\\medskip\n".join(f"{opened}{part}\n{closed}" for part in parts)


def _come_in_groups(names: Sequence[str]) -> bool:
    """Whether some name is repeated, and all rows of each follow one another."""
    begun = 1 + sum(a != b for a, b in pairwise(names))
    return begun == len(set(names)) < len(names)


def _over_their_rows(names: Sequence[str], lines: Sequence[list[str]]) -> list[list[str]]:
    """The lines of each repeated name, one beside each of its rows; the last has the rest."""
    beside: list[list[str]] = []
    for _, group in groupby(range(len(names)), key=lambda r: names[r]):
        own = list(group)
        left = lines[own[0]]
        for k in range(len(own)):
            last = k == len(own) - 1
            beside.append((left[k:] if last else left[k : k + 1]) or [""])
    return beside


def _fitted(
    head: Sequence[str], columns: Sequence[Sequence[str]]
) -> tuple[list[list[str]], list[list[list[str]]]]:
    """Headings and cells by column as lines, broken no more than the table needs to fit.

    One that does not fit is broken no more than brings it near its least width.
    """
    tried = []
    for longest in LINE_LENGTHS:
        tried.append(_laid_out(head, columns, longest))
        if tried[-1][2] <= LINE:
            break
    enough = max(LINE, 1.05 * min(width for *_, width in tried))
    titles, cells, _ = next(layout for layout in tried if layout[2] <= enough)
    return titles, cells


def _laid_out(
    head: Sequence[str], columns: Sequence[Sequence[str]], longest: int
) -> tuple[list[list[str]], list[list[list[str]]], float]:
    """Headings, cells, and the estimated width of the table in pt."""
    cells = [[broken(text, longest) for text in column] for column in columns]
    widths = [max((len(line) for cell in column for line in cell), default=0) for column in cells]
    # A heading is no reason for a wide column of short numbers.
    titles = [broken(text, max(width, 6)) for text, width in zip(head, widths, strict=True)]
    letters = [max(width, *map(len, lines)) for width, lines in zip(widths, titles, strict=True)]
    return titles, cells, sum(COLUMN + LETTER * count for count in letters)


def broken(text: str, longest: int) -> list[str]:
    """Lines of at most that many letters, as far as there are places to break at."""
    if len(text) <= longest:
        return [text]
    lines, start = [], 0
    places = [match.span() for match in _BREAKS.finditer(text)]
    for k, (end, after) in enumerate(places):
        following = places[k + 1][0] if k + 1 < len(places) else len(text)
        if following - start > longest:
            lines.append(text[start:end])
            start = after
    return [*lines, text[start:]]


def _cell(lines: Sequence[str], side: str, at: str, bold: bool = False) -> str:
    texts = [f"\\textbf{{{latex_text(line)}}}" if bold else latex_text(line) for line in lines]
    joined = r"\\".join(texts)
    return joined if len(texts) == 1 else f"\\stack{{{at}}}{{{side}}}{{{joined}}}"


def _row(cells: Sequence[str]) -> str:
    return f"{' & '.join(cells)} \\\\"


def _is_number(text: object) -> bool:
    return _NUMBER.fullmatch(str(text)) is not None
