"""Delimited text (CSV and its kin): every field is read as text, every line must be whole."""

import csv
import io
import itertools
import re
from collections.abc import Iterator
from typing import NamedTuple

from bench.errors import InputError
from bench.tasks.tabular.kinds import NUMBER
from bench.tasks.tabular.raw import RawColumn, RawTable, name_key, named, shown

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars", " ": "blanks"}
LOOKED_AT = 200
"""Lines by which separators are compared."""
DECLARED = re.compile(r"\s*sep=(.)\s*")
"""The first line that a spreadsheet may write."""

_PARSE_ERRORS = {
    "unexpected end of data": "a quotation mark is opened and never closed",
    "field larger than field limit (131072)": "a field of more than 131,072 letters; perhaps a "
    "quotation mark is never closed",
}
_AFTER_QUOTES = "letters follow the mark that ends a quoted field; double a mark within a field"


class Form(NamedTuple):
    """How lines are made of fields."""

    separator: str = ","
    quote: str = '"'


class Line(NamedTuple):
    """The fields of a line, which ends at this line of the file."""

    fields: list[str]
    number: int


def read_delimited(where: str, text: str, label: str) -> RawTable:
    """The columns of a text. Raises InputError, one line, where it is no whole table.

    label: the column that must be there; it tells which separator is meant.
    """
    first = text.partition("\n")[0]
    declared = DECLARED.fullmatch(first)
    skipped = 1 if declared else 0
    if declared:
        text = text.partition("\n")[2]
    form = _form(text, label, declared[1] if declared else None)
    lines = _whole(where, text, form, skipped)
    header = next(lines, None)
    if header is None:
        raise InputError(f"{where} is empty")
    names, nameless = named(where, header.fields)
    rows = []
    for number, line in enumerate(lines, 1):
        if len(line.fields) != len(names):
            raise InputError(f"{where}: {_ragged(line, number, len(names))}")
        rows.append(line.fields)
    if not rows:
        raise InputError(f"{where} has a line of names and no row")
    notes = _about(form)
    columns = []
    trimmed = 0
    for number, (name, column) in enumerate(zip(names, zip(*rows, strict=True), strict=True)):
        values = [value.strip() for value in column]
        trimmed += sum(map(len, values)) != sum(map(len, column))
        if number in nameless and not any(values):
            notes.append(f"{name} has neither a name nor a value and is left out")
            continue
        columns.append(RawColumn(name, values))
    if trimmed:
        notes.append(f"blanks around values are left out, in {trimmed} columns")
    _refuse_values_as_names(where, columns, label)
    return RawTable(tuple(columns), tuple(notes), tuple(_numbers_as_names(names)))


def _form(text: str, label: str, declared: str | None) -> Form:
    """Under which the first lines have equally many fields, the label's name among the first."""
    sample = "".join(itertools.islice(io.StringIO(text, newline=""), LOOKED_AT))
    quotes = ["'", '"'] if sample.lstrip().startswith("'") else ['"']
    wanted = name_key(label).casefold()
    best, best_score = Form(), (False, False, 0.0)
    for separator in [declared] if declared else SEPARATORS:
        if separator == " " and best_score[1]:
            continue  # blanks follow commas in many files
        for quote in quotes:
            form = Form(separator, quote)
            try:
                lines = [line.fields for line in _lines(sample, form, strict=False)]
            except csv.Error:
                continue
            first = lines[0] if lines else []
            width = len(first)
            named_so = wanted in {name_key(field).casefold() for field in first}
            equal = sum(len(line) == width for line in lines) / max(len(lines), 1)
            score = (width > 1, named_so and width > 1, equal)
            if score > best_score:
                best, best_score = form, score
    return best


def _about(form: Form) -> list[str]:
    """What is unusual about the form of a file."""
    notes = []
    if form.separator != ",":
        what = SEPARATORS.get(form.separator, shown(form.separator))
        notes.append(f"fields are separated by {what}")
    if form.quote != '"':
        notes.append("single quotes are taken for quotation marks")
    return notes


def _numbers_as_names(names: list[str]) -> Iterator[str]:
    """Of names that look like values; those of pixels, years and the like count up."""
    numbers = [name for name in names if NUMBER.fullmatch(name)]
    steps = {float(b) - float(a) for a, b in itertools.pairwise(numbers)}
    if numbers and not (len(numbers) > 1 and steps == {1.0}):
        yield (
            f"names of columns are numbers, such as {shown(numbers[0])}: line 1 must be a line of "
            "names"
        )


def _lines(text: str, form: Form, *, strict: bool) -> Iterator[Line]:
    """All lines but blank ones. Raises csv.Error."""
    blanks = form.separator == " "
    source: Iterator[str] = io.StringIO(text, newline="")
    if blanks:
        source = (f"{line.rstrip()}\n" for line in source)
    reader = csv.reader(
        source,
        delimiter=form.separator,
        quotechar=form.quote,
        skipinitialspace=blanks,
        strict=strict,
    )
    for fields in reader:
        if len(fields) > 1 or (fields and fields[0].strip()):
            yield Line(fields, reader.line_num)


def _whole(where: str, text: str, form: Form, skipped: int) -> Iterator[Line]:
    """All lines, counted as the file's. Raises InputError where quotation marks do not pair."""
    lines = _lines(text, form, strict=True)
    before = skipped
    while True:
        try:
            line = next(lines)
        except StopIteration:
            return
        except csv.Error as error:
            said = _PARSE_ERRORS.get(str(error), _AFTER_QUOTES)
            raise InputError(f"{where}: after line {before}: {said}") from error
        before = line.number + skipped
        yield Line(line.fields, before)


def _ragged(line: Line, row: int, width: int) -> str:
    """What to say of a row with too many or too few fields."""
    count = len(line.fields)
    text = (
        f"row {row} (line {line.number}) has {count} field{'s' if count != 1 else ''}, "
        f"the line of names {width}"
    )
    if line.fields[0].lstrip().startswith(("#", "%", "//")):
        return f"{text}; if it is a comment, remove it"
    if row == 1 and count > width:
        return f"{text}; line 1 must name every column, row names too"
    return text


def _refuse_values_as_names(where: str, columns: list[RawColumn], label: str) -> None:
    """A file without a line of names would lose its first row, and its label its name."""
    for column in columns:
        if name_key(column.name) == name_key(label) and column.name in set(column.values):
            raise InputError(
                f"{where}: line 1 holds values, not names: {shown(column.name)} is a value of "
                "that column too; add a line of names"
            )
