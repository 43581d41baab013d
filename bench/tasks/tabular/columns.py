"""A checked table: columns of numbers and of categories, labels, and how a learner sees them."""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError
from bench.tasks.base import Floats, Labels
from bench.tasks.facts import FeatureFacts, FeatureKind
from bench.tasks.splits import MIN_PER_CLASS, Parts, check_classes, fixed_test
from bench.tasks.tabular.kinds import NUMBER, QUESTION, SPELLINGS, Question, decide
from bench.tasks.tabular.raw import RawColumn, RawTable, TableTerms, shown, term

MAX_CLASSES = 1000
MAX_FEATURES = 4096
MAX_QUESTIONS = 3
"""Columns that one line asks about."""
LARGEST_EXACT = 2.0**53


class Column(NamedTuple):
    """A column of N values.

    numbers: float64 [N], NaN where there is none; or codes: int32 [N] into `levels`, -1 where
    there is none. The levels are the table's, not a fit: they are the form of a task.
    """

    name: str
    numbers: Floats | None
    codes: "NDArray[np.int32] | None"
    levels: tuple[str, ...]
    missing: int

    @property
    def inputs(self) -> int:
        """Numbers that a learner sees of it: the last one says what is missing, if anything is."""
        return max(len(self.levels), 1) + (self.missing > 0)

    def facts(self) -> FeatureFacts:
        """What there is to say of it."""
        if self.numbers is not None:
            how = "mean 0 and deviation 1 in the training split"
            gap = "; where missing, the training median" if self.missing else ""
        else:
            how, gap = "0 or 1 for each level", "; where missing, 0 for all" if self.missing else ""
        kind: FeatureKind = "number" if self.numbers is not None else "category"
        tail = ", and an input of its own says so" if self.missing else ""
        return FeatureFacts(
            self.name, kind, f"{how}{gap}{tail}", self.inputs, self.missing, self.levels
        )


class Columns(NamedTuple):
    """A checked table: its columns, labels [N], class names, fixed split; what was decided, and
    what is doubtful about how it was read."""

    table: tuple[Column, ...]
    y: Labels
    classes: tuple[str, ...]
    parts: Parts
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def features(self) -> int:
        """D, as a learner sees them."""
        return sum(column.inputs for column in self.table)


def checked(where: str, inside: str, raw: RawTable, terms: TableTerms) -> Columns:
    """A table that can be learned from. Raises InputError, one line, for any other.

    where: the task; inside: the task and the file, as messages begin.
    """
    label = raw.columns[raw.place(inside, terms.label)]
    without = {raw.columns[raw.place(inside, name)].name for name in terms.without}
    words = {raw.columns[raw.place(inside, name)].name for name in terms.words}
    if label.name in without:
        raise InputError(f"{where}: the label {shown(label.name)} cannot be left out")
    kept = [column for column in raw.columns if column.name not in {label.name, *without}]
    if not kept:
        raise InputError(f"{where}: there is no column but the label's")
    y, classes = _labels(where, label, terms, label.name in words)
    if len(classes) > min(MAX_CLASSES, max(len(y) // 2, 2)) and len(y) >= 2:
        raise InputError(
            f"{where}: column {shown(label.name)} has {len(classes)} different labels in {len(y)} "
            "rows; a classification needs fewer classes"
        )
    check_classes(where, y, classes, MIN_PER_CLASS)
    notes = list(raw.notes)
    table = _decided(where, kept, terms, words, notes)
    doubts = (*raw.doubts, *_unused(raw, terms), *_about_classes(classes))
    columns = Columns(table, y, classes, fixed_test(y, minimum=1), tuple(notes), doubts)
    if columns.features > MAX_FEATURES:
        widest = max(table, key=lambda column: len(column.levels))
        raise InputError(
            f"{where}: {columns.features} features are too many; column {shown(widest.name)} alone "
            f"has {len(widest.levels)} different words: if it is a name or a number, remove it, or "
            f"add {term('without', widest.name)}"
        )
    return columns


def _labels(
    where: str, label: RawColumn, terms: TableTerms, is_words: bool
) -> tuple[Labels, tuple[str, ...]]:
    """Labels are texts: no two spellings are one class."""
    if label.obstacle:
        raise InputError(f"{where}: the label's column {shown(label.name)} {label.obstacle}")
    texts = ["" if value in terms.missing else value for value in map(_as_text, label.values)]
    if "" in texts:
        row = texts.index("") + 1
        raise InputError(f"{where}: row {row} has no label in column {shown(label.name)}")
    if QUESTION in texts and not is_words:
        row = texts.index(QUESTION) + 1
        raise InputError(
            f"{where}: the label of row {row} is {QUESTION!r}: remove the rows without a label, or "
            f"add {term('words', label.name)} to make it a class"
        )
    names, y = np.unique(np.array(texts, dtype=object).astype(str), return_inverse=True)
    return y.astype(np.int64), tuple(map(str, names))


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if np.isnan(value) else f"{value:.17g}"


def _decided(
    where: str,
    kept: Sequence[RawColumn],
    terms: TableTerms,
    words: set[str],
    notes: list[str],
) -> tuple[Column, ...]:
    """All columns with their kinds; notes are added. Raises InputError with all questions."""
    questions: dict[str, Question] = {}
    table = []
    for raw in kept:
        if raw.obstacle:
            raise InputError(
                f"{where}: column {shown(raw.name)} {raw.obstacle}; make them numbers or words, or "
                f"add {term('without', raw.name)}"
            )
        if isinstance(raw.values, np.ndarray):
            column = _numbers(raw.name, raw.values, terms)
        else:
            values = ["" if value in terms.missing else value for value in raw.values]
            if not any(values):
                raise InputError(
                    f"{where}: column {shown(raw.name)} has no value at all; remove it, or add "
                    f"{term('without', raw.name)}"
                )
            is_words = raw.declared or raw.name in words
            kind, question, note = decide(raw.name, values, is_words=is_words)
            if question is not None:
                questions[raw.name] = question
                continue
            notes.extend([note] if note else [])
            column = (
                _category(raw.name, values) if kind == "category" else _parsed(raw.name, values)
            )
        if raw.name in words and column.numbers is not None:
            column = _category(raw.name, [_as_text(value) for value in column.numbers])
        _check(where, column, notes)
        table.append(column)
    if questions:
        raise InputError(f"{where}: {_asked(questions)}")
    return tuple(table)


def _asked(questions: Mapping[str, Question]) -> str:
    """All questions, and what to add to the task's name."""
    first = list(questions.items())[:MAX_QUESTIONS]
    said = "; ".join(f"column {shown(name)} {question.text}" for name, question in first)
    more = len(questions) - len(first)
    missing = dict.fromkeys(word for question in questions.values() for word in question.missing)
    offers = []
    if missing:
        offers.append(f"{','.join(term('missing', word) for word in missing)} for missing values")
    named = [name for name, question in questions.items() if question.words]
    if named:
        offers.append(f"{term('words', named[0])} to take its values as words")
    offers.append(f"{term('without', next(iter(questions)))} to leave the column out")
    return (
        f"{said}{f'; and {more} more columns' if more else ''}; write plain numbers, or add "
        f"{', '.join(offers)}"
    )


def _numbers(name: str, values: Floats, terms: TableTerms) -> Column:
    declared = [float(word) for word in terms.missing if NUMBER.fullmatch(word)]
    numbers = np.where(np.isin(values, declared), np.nan, values) if declared else values
    return Column(name, numbers, None, (), int(np.isnan(numbers).sum()))


def _parsed(name: str, values: Sequence[str]) -> Column:
    known = {value: float(value) if value else np.nan for value in dict.fromkeys(values)}
    numbers = np.array([known[value] for value in values])
    return Column(name, numbers, None, (), sum(not value for value in values))


def _category(name: str, values: Sequence[str]) -> Column:
    levels = tuple(sorted({value for value in values if value}))
    place = {level: number for number, level in enumerate(levels)} | {"": -1}
    codes = np.array([place[value] for value in values], np.int32)
    return Column(name, None, codes, levels, int((codes < 0).sum()))


def _check(where: str, column: Column, notes: list[str]) -> None:
    """Raise InputError for numbers that cannot be used, note what is lost of those that can."""
    numbers = column.numbers
    if numbers is None:
        if not column.levels:
            raise InputError(f"{where}: column {shown(column.name)} has no value at all; remove it")
        notes.extend(alike(f"column {shown(column.name)}: the words", column.levels))
        return
    if np.isnan(numbers).all():
        raise InputError(
            f"{where}: column {shown(column.name)} has no value at all; remove it, or add "
            f"{term('without', column.name)}"
        )
    if np.isinf(numbers).any():
        row = int(np.flatnonzero(np.isinf(numbers))[0]) + 1
        raise InputError(
            f"{where}: column {shown(column.name)} holds an infinite number (row {row}), or one "
            "too large to be told from it"
        )
    largest = np.nanmax(np.abs(numbers))
    if largest >= LARGEST_EXACT and (np.nan_to_num(numbers) % 1 == 0).all() and largest < 1e25:
        notes.append(
            f"column {shown(column.name)} has whole numbers beyond 2^53, of which the last digits "
            f"are lost; if they are names, add {term('words', column.name)}"
        )


def alike(what: str, words: Sequence[str]) -> Iterator[str]:
    """Sentences on words that a reader may take for one: by case, composition or value."""
    groups: dict[Any, list[str]] = {}
    for word in words:
        groups.setdefault(unicodedata.normalize("NFKC", word).casefold(), []).append(word)
        if NUMBER.fullmatch(word):
            groups.setdefault(float(word), []).append(word)
    same = dict.fromkeys(tuple(group) for group in groups.values() if len(group) > 1)
    for group in list(same)[:3]:
        yield f"{what} {' and '.join(map(shown, group))} are told apart as they are written"


def _unused(raw: RawTable, terms: TableTerms) -> Iterator[str]:
    """Of words that are declared to be missing values and occur nowhere."""
    for word in terms.missing:
        if not any(
            isinstance(column.values, np.ndarray) or word in column.values for column in raw.columns
        ):
            yield f"{term('missing', word)}: no value is {shown(word)}"


def _about_classes(classes: Sequence[str]) -> Iterator[str]:
    yield from alike("the classes", classes)
    for name in classes:
        if name.casefold() in SPELLINGS:
            yield f"{shown(name)} is a class like others; rows without a label must be removed"
