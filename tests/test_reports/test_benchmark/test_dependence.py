"""Verdicts that depend on how a configuration was chosen."""

import pytest
from test_reports.simulated import simulated

from bench.store import schema as tables
from reports.benchmark import tables as report_tables
from reports.benchmark.comparisons import compare
from reports.benchmark.dependence import dependences, in_words
from reports.benchmark.material import Material
from reports.benchmark.report import render
from reports.data.load import load

LOST = 0.06


def loaded(path, baseline="ce", *, lost=LOST, seeds=8):
    """gce is better than ce by 2 points, and at the common rate worse by 4."""
    store, described = simulated(
        path, tasks=("moons",), losses=("ce", "gce"), runs=0, seeds=seeds,
        effects={"gce": 0.02}, spread=0.002, report={"baselines": [baseline]},
    )  # fmt: skip
    rows = [
        row | {"metrics": row["metrics"] | {"accuracy": row["metrics"]["accuracy"] - lost}}
        for row in store.rows(tables.cells, loss="gce", lr=0.01)
    ]
    store.put(tables.cells, rows, replace=True)
    return load(store, described)


def test_a_verdict_of_the_opposite_sign_is_named_with_its_reason(tmp_path):
    data = loaded(tmp_path / "a.db")
    items = compare(data)
    [found] = dependences(data, items)
    assert (found.primary.verdict, found.other.verdict) == ("better", "worse")
    assert found.other.policy == "common"
    rows = data.rows.groupby(["policy", "loss"])["accuracy"].mean()
    moved = {loss: 100 * (rows["common", loss] - rows["per_seed", loss]) for loss in ("gce", "ce")}
    for loss, points in moved.items():
        assert f"{loss} {points:+.2f}".replace("-", "\N{MINUS SIGN}") in found.reason
    assert in_words(data, items) == [
        "Verdicts that depend on how the learning rate is chosen, of 1: tuned on the other seeds, "
        "0; common rate, 1 (1 of them of the opposite sign). The section Policies names each, and "
        "the reason."
    ]


def test_swapping_the_losses_mirrors_it(tmp_path):
    forth, back = (loaded(tmp_path / f"{name}.db", name) for name in ("ce", "gce"))
    [a], [b] = (dependences(data, compare(data)) for data in (forth, back))
    assert (b.primary.verdict, b.other.verdict) == ("worse", "better")
    for mine, other in ((a.primary, b.primary), (a.other, b.other)):
        assert mine.mean_difference == pytest.approx(-other.mean_difference)
    assert in_words(forth, compare(forth)) == in_words(back, compare(back))
    shown = [
        report_tables.dependence(Material(data, compare(data), [], [], [], None)).numbers.iloc[0]
        for data in (forth, back)
    ]
    assert shown[0]["difference"] == pytest.approx(-shown[1]["difference"])
    assert shown[0]["other_difference"] == pytest.approx(-shown[1]["other_difference"])
    assert (shown[0]["verdict"], shown[0]["other_verdict"]) == ("better", "worse")
    assert (shown[1]["verdict"], shown[1]["other_verdict"]) == ("worse", "better")


def test_where_no_verdict_depends_the_head_says_so(tmp_path):
    data = loaded(tmp_path / "a.db", lost=0.0)
    items = compare(data)
    assert dependences(data, items) == []
    assert in_words(data, items) == [
        "No verdict depends on how the learning rate is chosen: all 1 are the same tuned per seed, "
        "tuned on the other seeds and common rate."
    ]
    assert report_tables.dependence(Material(data, items, [], [], [], None)) is None


def test_what_another_policy_cannot_judge_is_not_called_the_same(tmp_path):
    store, described = simulated(
        tmp_path / "a.db", tasks=("moons", "rings"), losses=("ce", "gce"), runs=0, seeds=8,
        effects={"gce": 0.05}, spread=0.002, report={"baselines": ["ce"]},
        absent={("rings", "gce", 0, "common")},
    )  # fmt: skip
    data = load(store, described)
    [line] = in_words(data, compare(data))
    assert "the 1 of 2 that every policy can judge are the same" in line


def test_refused_comparisons_say_nothing_of_policies(tmp_path):
    data = loaded(tmp_path / "a.db", seeds=4)
    assert in_words(data, compare(data)) == []


def test_head_json_and_table_agree(tmp_path):
    data = loaded(tmp_path / "a.db")
    report = render(data, tmp_path / "out")
    text = report.paths.html.read_text()
    assert "Verdicts that depend on how the learning rate is chosen, of 1" in text
    assert (report.paths.directory / "tables" / "policy_dependence.csv").exists()
    assert '"policy_dependence": [' in report.paths.json.read_text()
