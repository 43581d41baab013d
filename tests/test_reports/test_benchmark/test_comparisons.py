"""Families, corrections and refusals."""

import dataclasses
import json

import pytest
from test_reports.simulated import simulated

from bench.store import schema as tables
from bench.store.store import Store
from reports import stats
from reports.benchmark.comparisons import compare, families
from reports.data.load import load

SMALL = {"tasks": ("moons", "rings"), "losses": ("ce", "mse", "gce"), "runs": 2, "seeds": 8}


def compared(path, **settings):
    store, described = simulated(path, **{**SMALL, **settings})
    return compare(load(store, described))


def primary(comparisons):
    return [item for item in comparisons if item.family == "primary"]


def test_families(small):
    sizes = {family.name: len(family.pairings) for family in families(small)}
    assert sizes == {
        "accuracy, tuned per seed, declared baselines": 8,
        "accuracy, tuned per seed, other losses": 4,
        "accuracy, tuned on the other seeds, declared baselines": 8,
        "accuracy, tuned on the other seeds, other losses": 4,
        "accuracy, common rate, declared baselines": 8,
        "accuracy, common rate, other losses": 4,
        "accuracy_selected, tuned per seed, declared baselines": 8,
        "area, tuned per seed, declared baselines": 8,
        "nll, tuned per seed, declared baselines": 8,
        "steps_to_ce, tuned per seed, declared baselines": 8,
    }
    assert [family.kind for family in families(small)] == ["primary"] + ["secondary"] * 9


def test_every_metric_has_its_own_direction_and_rope(small):
    rules = {item.metric: (item.direction, item.rope) for item in compare(small)}
    assert rules == {
        "accuracy": ("maximise", 0.005),
        "accuracy_selected": ("maximise", 0.005),
        "area": ("maximise", 0.005),
        "nll": ("minimise", 0.01),
        "steps_to_ce": ("minimise", 25),
    }


def test_metrics_of_a_drift_are_compared_where_tasks_drift(tmp_path):
    store, described = simulated(tmp_path / "a.db", **SMALL)
    drifted = [
        row | {"metrics": row["metrics"] | {"post_drift_accuracy": row["metrics"]["accuracy"]}}
        for row in store.rows(tables.cells)
        if row["task"] == "rings"
    ]
    store.put(tables.cells, drifted, replace=True)
    data = load(store, described)
    items = [item for item in compare(data) if item.metric == "post_drift_accuracy"]
    assert {item.task for item in items} == {"rings"}
    assert {item.aspect for item in items} == {"adaptability"}
    assert "refused" not in {item.verdict for item in items}
    again = {(i.candidate, i.baseline): i.p for i in primary(compare(data)) if i.task == "rings"}
    assert {(i.candidate, i.baseline): i.p for i in items} == again


def test_the_control_has_families_of_its_own(tmp_path):
    store, described = simulated(
        tmp_path / "a.db", tasks=("moons",), losses=("ce", "mse", "mln_initial"), runs=1, seeds=6
    )
    names = [family.name for family in families(load(store, described))]
    assert "accuracy, tuned per seed, un-evolved control" in names
    assert "area, tuned per seed, un-evolved control" in names


def test_numbers_lead_to_their_lines_of_the_csv(small):
    lines = small.rows.to_csv(index=False).splitlines()
    for item in compare(small)[:20]:
        for loss, (first, last) in (
            (item.candidate, item.candidate_lines),
            (item.baseline, item.baseline_lines),
        ):
            block = [line.split(",") for line in lines[first - 1 : last]]
            assert len(block) == 8
            assert {(row[0], row[2], row[4]) for row in block} == {(item.task, loss, item.policy)}


def test_holm_within_the_family(small):
    comparisons = compare(small)
    for name in {item.family_name for item in comparisons}:
        family = [item for item in comparisons if item.family_name == name]
        expected = stats.holm([item.p for item in family])
        assert [item.p_holm for item in family] == pytest.approx(list(expected))
        assert {item.family_size for item in family} == {len(family)}


def test_numbers_are_candidate_minus_baseline(small):
    item = primary(compare(small))[0]
    rows = small.rows[(small.rows["task"] == item.task) & (small.rows["policy"] == "per_seed")]
    means = rows.groupby("loss")["accuracy"].mean()
    assert item.mean_difference == pytest.approx(means[item.candidate] - means[item.baseline])
    assert item.n == 8


def test_diverged_runs_are_counted_in_the_comparison(small):
    diverged = {(i.task, i.baseline): i.diverged_baseline for i in primary(compare(small))}
    assert diverged == {
        ("moons", "ce"): 0,
        ("moons", "mse"): 0,
        ("rings", "ce"): 0,
        ("rings", "mse"): 1,
    }


def test_a_missing_seed_refuses_its_comparisons_and_keeps_their_place(tmp_path):
    whole = primary(compared(tmp_path / "a.db"))
    holed = primary(compared(tmp_path / "b.db", absent={("moons", "mln_1", 2, "tuned")}))
    refused = [item for item in holed if item.verdict == "refused"]
    assert [(i.task, i.candidate) for i in refused] == [("moons", "mln_1")] * 2
    assert all(item.p is None and item.p_holm is None for item in refused)
    assert all(item.n == 7 and item.mean_difference is not None for item in refused)
    assert "1 of 8 paired seeds missing" in refused[0].reason
    assert {item.family_size for item in holed} == {len(whole)} == {8}


def test_five_seeds_are_refused_without_a_p_value(tmp_path):
    for item in compared(tmp_path / "a.db", seeds=5):
        assert item.verdict == "refused"
        assert item.p is None
        assert "fewer than 6" in item.reason


def test_unequal_tuning_budgets_refuse_every_policy_but_the_common_one(tmp_path):
    store, described = simulated(tmp_path / "a.db", **SMALL)
    units = [
        row | {"configurations": row["configurations"][1:]}
        for row in store.rows(tables.units, loss="ce")
    ]
    store.put(tables.units, units, replace=True)
    for item in compare(load(store, described)):
        refused = item.policy != "common" and item.baseline == "ce"
        assert (item.verdict == "refused") == refused
        assert not refused or "tuning budgets differ" in item.reason


def test_swapping_candidate_and_baseline_mirrors_everything(tmp_path):
    settings = {"losses": ("ce", "gce"), "runs": 0, "effects": {"gce": 0.01}}
    forth = primary(compared(tmp_path / "a.db", report={"baselines": ["ce"]}, **settings))
    back = primary(compared(tmp_path / "b.db", report={"baselines": ["gce"]}, **settings))
    for a, b in zip(forth, back, strict=True):
        assert a.mean_difference == pytest.approx(-b.mean_difference)
        assert (a.ci_low, a.ci_high) == pytest.approx((-b.ci_high, -b.ci_low))
        assert (a.p, a.p_holm, a.p_better) == pytest.approx((b.p, b.p_holm, 1 - b.p_better))
        assert a.verdict.replace("better", "worse") == b.verdict.replace("better", "worse")


def test_lower_is_better_when_declared(tmp_path):
    settings = {
        "effects": {"mln_1": -0.03, "mln_2": 0.03},
        "spread": 0.002,
        "seeds": 10,
        "report": {"direction": "minimise"},
    }
    items = primary(compared(tmp_path / "a.db", **settings))
    assert {item.verdict for item in items if item.candidate == "mln_1"} == {"better"}
    assert {item.verdict for item in items if item.candidate == "mln_2"} == {"worse"}
    assert all(item.p_better == 1 for item in items if item.candidate == "mln_1")


def test_equal_losses_are_equivalent(tmp_path):
    items = compared(tmp_path / "a.db", effects={}, spread=0.0)
    accuracies = [item for item in items if item.metric == "accuracy"]
    assert {item.verdict for item in accuracies} == {"equivalent"}
    assert {item.p for item in accuracies} == {1.0}


def test_comparisons_are_valid_json(tmp_path):
    items = compared(tmp_path / "a.db", effects={"mln_1": 0.02}, spread=0.0)
    assert None in {item.dz for item in items}  # constant differences have no finite d_z
    json.dumps([item.as_json() for item in items], allow_nan=False)


def test_eight_seeds_are_too_few_for_eight_comparisons(tmp_path):
    items = primary(compared(tmp_path / "a.db", effects={"mln_1": 0.1}, spread=0.002))
    item = items[0]
    assert item.verdict == "inconclusive"
    assert "8 pairs are too few for 8 comparisons: Holm p cannot fall below 0.062" in item.reason


def test_a_constant_added_to_all_changes_nothing(small):
    report = small.experiment.report.model_copy(update={"worst": 1.0})
    moved = dataclasses.replace(
        small,
        experiment=small.experiment.model_copy(update={"report": report}),
        rows=small.rows.assign(accuracy=small.rows["accuracy"] + 1),
    )
    shifted = primary(compare(moved))
    for before, after in zip(primary(compare(small)), shifted, strict=True):
        assert before.verdict == after.verdict
        assert before.mean_difference == pytest.approx(after.mean_difference)
        assert (before.p, before.p_wilcoxon) == pytest.approx((after.p, after.p_wilcoxon))


def test_the_order_of_rows_in_the_store_changes_nothing(tmp_path):
    store, described = simulated(tmp_path / "a.db", **SMALL)
    expected = [item.as_json() for item in compare(load(store, described))]
    other = Store(f"sqlite:///{tmp_path / 'b.db'}")
    for table in tables.metadata.tables.values():
        if table.name != "mln_schema":
            other.put(table, store.rows(table)[::-1])
    assert [item.as_json() for item in compare(load(other, described))] == expected
