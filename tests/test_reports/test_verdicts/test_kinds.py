"""A kind of verdict is one record: what is added to the table is seen everywhere."""

from typing import get_args

import pandas as pd
import pytest

from reports.benchmark import report as significance
from reports.benchmark.comparisons import compare
from reports.benchmark.findings import findings, verdict_counts
from reports.figures.benchmark import forest
from reports.figures.style import looks
from reports.verdicts import kinds, verdict
from reports.verdicts.kinds import VERDICTS, VerdictKind

HARMFUL = VerdictKind(
    "harmful to all", 7, "!", colour="warn", filled=True, tone="unfavourable", always_counted=True
)
NAMES = ("task", "candidate", "baseline", "mean", "low", "high", "verdict")


@pytest.fixture
def harmful(monkeypatch):
    """A kind of verdict that every comparison has."""
    monkeypatch.setitem(VERDICTS, "harmful", HARMFUL)
    monkeypatch.setattr(verdict, "judge", lambda *_: "harmful")


def test_the_type_names_the_kinds_of_the_table():
    assert get_args(kinds.Verdict) == tuple(VERDICTS)
    ranks = [kind.rank for kind in VERDICTS.values()]
    assert sorted(ranks) == list(range(len(ranks)))


def test_every_kind_can_be_told_without_its_colour():
    assert len({kind.symbol for kind in VERDICTS.values()}) == len(VERDICTS)
    assert len({kind.label for kind in VERDICTS.values()}) == len(VERDICTS)
    assert not any(kind.filled and not kind.colour for kind in VERDICTS.values())


def test_what_is_no_verdict_favours_no_loss():
    assert kinds.tone_of("unchanged") == "neutral"
    assert not kinds.is_decided("unchanged")
    with pytest.raises(KeyError):
        kinds.label_of("unchanged")


def test_a_new_kind_is_written_and_counted(harmful, small, tmp_path):
    report = significance.render(small, tmp_path)
    page = report.paths.html.read_text()
    style = page[page.index("<style>") : page.index("</style>")]
    looks = ".tag.verdict-harmful, .cell.verdict-harmful { color: var(--warn); background: "
    assert f"{looks}var(--warn-box); }}" in style
    assert '.cell.verdict-harmful::before { content: "!\\A0"' in style
    assert '<td class="cell verdict-harmful"' in page
    assert '<span class="tag verdict-harmful">harmful to all</span>' in page
    assert {row["verdict"] for row in significance.verdict_rows(report)} == {"harmful to all"}
    latex = next(path for path in report.paths.tables if path.name == "comparisons_primary.tex")
    assert "harmful" in latex.read_text()
    assert "0 better; 0 equivalent; 0 inconclusive; 0 worse; 4 harmful to all" in report.findings[0]


def test_counts_have_every_kind_from_the_best_to_the_worst(harmful, small):
    items = [item for item in compare(small) if item.family == "primary"]
    assert list(verdict_counts(items)) == [
        "better", "better_unsized", "equivalent", "inconclusive", "worse_unsized", "worse",
        "refused", "harmful",
    ]  # fmt: skip
    assert "none of the 2 candidates is better than ce" in " ".join(findings(small, items, []))


@pytest.mark.parametrize(("tone", "filled"), [("unfavourable", True), ("neutral", False)])
def test_figures_fill_the_marks_of_what_is_decided(monkeypatch, tone, filled):
    monkeypatch.setitem(VERDICTS, "harmful", HARMFUL._replace(tone=tone))
    intervals = pd.DataFrame([("moons", "a", "ce", 1.0, 0.5, 1.5, "harmful")], columns=NAMES)
    figure = forest(intervals, looks(["a"], ["a"]), 0.5, "points")
    [mark] = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert (mark.get_markerfacecolor() == mark.get_markeredgecolor()) is filled
