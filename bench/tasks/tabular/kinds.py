"""What a column of texts is, decided on all of it: numbers, a category, or a question.

Nothing that could be meant in two ways is decided in silence: what is no plain number among
numbers, a lone "?", numbers written with commas and dates are asked about, in one line for the
whole table.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from bench.tasks.tabular.raw import shown, term

NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
LEADING_ZERO = re.compile(r"0[0-9]+")
INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
SPELLINGS = frozenset(
    ("?", "na", "n/a", "n.a.", "#n/a", "#na", "nan", "-nan", "null", "none", "nil", "missing",
     "unknown", "undefined", ".", "-", "--", "*", "<na>")
)  # fmt: skip
"""Words, in small letters, that often stand for a missing value."""
_CURRENCY = "[$€£¥₹]"
DECORATED = re.compile(
    rf"[+\-−]?{_CURRENCY}?\s?[+\-−]?("
    r"[0-9]{1,3}([,.' _\u00a0\u202f][0-9]{3})+([.,][0-9]+)?|[0-9]+,[0-9]+|[0-9]*\.?[0-9]+"
    rf")([eE][+-]?[0-9]+)?\s?(%|{_CURRENCY})?"
    r"|[+-]?([0-9]+(_[0-9]+)+|0[xX][0-9a-fA-F]+|\d+([.,٫]\d+)?)"
)
"""A number with thousands set apart, a decimal comma, a currency, a sign or a percent sign; as a
programmer writes it; in other scripts' digits."""
WITH_UNIT = re.compile(rf"(?:{NUMBER.pattern})\s?([A-Za-zµ°Ωμ][A-Za-zµ°Ωμ/²³^0-9]*)")
MAX_UNIT_LEVELS = 10
"""Different numbers before one unit up to which they may be names of kinds, as 2WD and 4WD."""
_MONTH = "(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_TIME = r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?\s?([ap]m)?"
_DAYS = (
    r"[0-9]{4}[-/.][0-9]{1,2}([-/.][0-9]{1,2})?",
    r"[0-9]{1,2}[-/.][0-9]{1,2}[-/.]([0-9]{4}|[0-9]{2})",
    rf"[0-9]{{1,2}}[-/. ]+{_MONTH}[-/., ]+([0-9]{{4}}|[0-9]{{2}})",
    rf"{_MONTH}[-/. ]+[0-9]{{1,2}}(st|nd|rd|th)?,?[-/. ]+[0-9]{{4}}",
    rf"{_MONTH}[-/. ]+[0-9]{{4}}",
    r"[0-9]{4}[- ]?(q[1-4]|m[0-9]{1,2})",
)
DATE = re.compile(
    rf"({'|'.join(_DAYS)})([T ]+{_TIME}\s?(z|utc|[+-][0-9]{{2}}:?[0-9]{{2}})?)?|{_TIME}",
    re.IGNORECASE,
)
QUESTION = "?"
MAX_ODD = 3

Kind = Literal["number", "category"]


class Question(NamedTuple):
    """What has to be asked about a column: `text` says what is there; the offers mend it.

    missing: words that may stand for a missing value. words: whether its values may be words.
    """

    text: str
    missing: tuple[str, ...] = ()
    words: bool = True


class Decision(NamedTuple):
    """The kind of a column, or a question about it; a note says what is not obvious."""

    kind: Kind
    question: Question | None = None
    note: str = ""


def decide(name: str, values: Sequence[str], *, is_words: bool) -> Decision:
    """What a column of texts is; "" is a missing value. At least one is none.

    is_words: it was declared to be a category.
    """
    counts = Counter(value for value in values if value)
    if is_words:
        return Decision("category")
    odd = {value: count for value, count in counts.items() if not NUMBER.fullmatch(value)}
    total = counts.total()
    if not odd:
        padded = next((value for value in counts if LEADING_ZERO.fullmatch(value)), None)
        if padded is None:
            return Decision("number")
        return Decision(
            "category",
            note=f"column {shown(name)} has leading zeros ({shown(padded)}): its values are words",
        )
    infinite = [value for value in odd if INFINITE.fullmatch(value)]
    if len(infinite) == len(odd):
        # Alone they could be words, but no one means them so.
        return _asked(values, odd, "holds an infinite number", infinite[:1], words=False)
    plain = total - sum(odd.values())
    spelled = {value: count for value, count in odd.items() if value.casefold() in SPELLINGS}
    if QUESTION in odd:
        return _asked(values, {QUESTION: odd[QUESTION]}, "holds", [QUESTION], words=True)
    if plain and len(spelled) == len(odd):
        return _asked(values, odd, "holds numbers and", list(spelled)[:MAX_ODD], words=True)
    known = total - sum(spelled.values())
    for pattern, what in ((DATE, "holds dates or times"), (DECORATED, "holds numbers written as")):
        alike = {value: count for value, count in odd.items() if pattern.fullmatch(value)}
        if alike and 2 * (sum(alike.values()) + plain) >= known:
            return _asked(values, alike, what, [], words=True)
    if unit := _one_unit(odd):
        return _asked(values, odd, f"holds numbers with the unit {shown(unit)}:", [], words=True)
    if 2 * plain >= known and plain:
        return _asked(values, odd, "holds numbers and", list(spelled)[:MAX_ODD], words=True)
    return Decision("category", note=_about_spellings(name, spelled))


def _one_unit(odd: Mapping[str, int]) -> str:
    """What follows a number in every value, where they are too many to be words; or nothing."""
    if len(odd) <= MAX_UNIT_LEVELS:
        return ""
    found = [WITH_UNIT.fullmatch(value) for value in odd]
    units = {match[match.re.groups] if match else "" for match in found}
    return units.pop() if len(units) == 1 else ""


def _asked(
    values: Sequence[str],
    odd: Mapping[str, int],
    what: str,
    missing: Sequence[str],
    *,
    words: bool,
) -> Decision:
    """A question that names the first odd values with their rows."""
    first = list(odd)[:MAX_ODD]
    places = ", ".join(f"{shown(value)} (row {values.index(value) + 1})" for value in first)
    more = f" and {len(odd) - len(first)} more" if len(odd) > len(first) else ""
    question = Question(f"{what} {places}{more}", tuple(missing), words)
    return Decision("category", question)


def _about_spellings(name: str, spelled: Mapping[str, int]) -> str:
    if not spelled:
        return ""
    word, count = max(spelled.items(), key=lambda item: item[1])
    return (
        f"column {shown(name)}: {shown(word)} in {count:,} rows is a value like others; "
        f"{term('missing', word)} makes it a missing one"
    )
