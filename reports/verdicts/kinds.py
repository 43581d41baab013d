"""The kinds of verdict: one record each, from which pages, figures and sentences read."""

from typing import Literal, NamedTuple

Verdict = Literal[
    "better", "worse", "equivalent", "better_unsized", "worse_unsized", "inconclusive", "refused"
]

Tone = Literal["favourable", "unfavourable", "neutral"]


class VerdictKind(NamedTuple):
    """How a verdict is written, counted and drawn.

    label: in words. rank: its place among counts, from the best to the worst. symbol: the mark
    before the label on a page. colour: a colour of `report.css`, as its variable is named, or
    empty for that of the text; filled: whether it also has that colour's box. tone: which of the
    two losses it favours, as seen from the candidate. always_counted: whether sentences say its
    count where that is 0, too.
    """

    label: str
    rank: int
    symbol: str
    colour: str = ""
    filled: bool = False
    tone: Tone = "neutral"
    always_counted: bool = False


VERDICTS: dict[str, VerdictKind] = {
    "better": VerdictKind(
        "better", 0, "\N{BLACK UP-POINTING TRIANGLE}", "good", True, "favourable", True
    ),
    "worse": VerdictKind(
        "worse", 5, "\N{BLACK DOWN-POINTING TRIANGLE}", "bad", True, "unfavourable", True
    ),
    "equivalent": VerdictKind("equivalent", 2, "=", "even", filled=True, always_counted=True),
    "better_unsized": VerdictKind(
        "better, size uncertain", 1, "\N{WHITE UP-POINTING TRIANGLE}", "good", tone="favourable"
    ),
    "worse_unsized": VerdictKind(
        "worse, size uncertain", 4, "\N{WHITE DOWN-POINTING TRIANGLE}", "bad", tone="unfavourable"
    ),
    "inconclusive": VerdictKind("inconclusive", 3, "?", always_counted=True),
    "refused": VerdictKind("refused", 6, "\N{MULTIPLICATION SIGN}", "warn"),
}
"""Every verdict by its value in report.json."""


def ranked_verdicts() -> list[str]:
    """All verdicts from the best to the worst, refused ones last."""
    return sorted(VERDICTS, key=lambda verdict: VERDICTS[verdict].rank)


def label_of(verdict: str) -> str:
    """A verdict in words. Raises KeyError for one that is no verdict."""
    return VERDICTS[verdict].label


def tone_of(verdict: str) -> Tone:
    """Which loss a verdict favours; neutral for what is no verdict, as `unchanged`."""
    return VERDICTS[verdict].tone if verdict in VERDICTS else "neutral"


def is_decided(verdict: str) -> bool:
    """Whether a verdict says that one of the two losses is the better one."""
    return tone_of(verdict) != "neutral"
