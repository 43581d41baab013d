"""Two stored runs of one experiment."""

import json

import pytest
from test_reports.simulated import simulated

from bench.errors import InputError
from reports.data.load import load
from reports.regression.compare import compare_rows
from reports.regression.report import document, write_regression


@pytest.fixture
def rows(tmp_path):
    store, described = simulated(
        tmp_path / "a.db", tasks=("moons", "rings"), losses=("ce", "mse"), seeds=8, runs=1
    )
    return load(store, described).rows


def written(frame, path):
    frame.to_csv(path, index=False)
    return path


def moved(rows, difference):
    """Rows in which mse on rings, tuned per seed, scores otherwise."""
    changed = rows.copy()
    own = (rows["task"] == "rings") & (rows["loss"] == "mse") & (rows["policy"] == "per_seed")
    changed.loc[own, "accuracy"] += difference
    return changed


def test_the_same_run_is_unchanged(rows, tmp_path):
    regression = compare_rows(
        written(rows, tmp_path / "a.csv"), written(rows[::-1], tmp_path / "b.csv")
    )
    assert regression.is_clean
    assert {change.verdict for change in regression.changes} == {"unchanged"}
    assert regression.findings == ("All 144 common rows are the same in accuracy.",)


@pytest.mark.parametrize(("difference", "verdict"), [(-0.02, "worse"), (0.02, "better"),
                                                     (0.0002, "equivalent")])  # fmt: skip
def test_a_change_of_the_code_has_a_verdict(rows, tmp_path, difference, verdict):
    a = written(rows, tmp_path / "a.csv")
    regression = compare_rows(a, written(moved(rows, difference), tmp_path / "b.csv"))
    [change] = [change for change in regression.changes if change.changed]
    assert (change.task, change.loss, change.policy) == ("rings", "mse", "per_seed")
    assert change.verdict == verdict
    assert change.decision.numbers.mean_difference == pytest.approx(difference)
    assert regression.is_clean == (verdict != "worse")


def test_missing_rows_and_statuses_are_named(rows, tmp_path):
    other = rows.drop(index=[0, 1])
    other.loc[5, "status"] = "diverged"
    regression = compare_rows(written(rows, tmp_path / "a.csv"), written(other, tmp_path / "b.csv"))
    assert not regression.is_clean
    assert regression.warnings == ("2 rows of A missing in B.", "1 row changed status.")


def test_the_report_is_written(rows, tmp_path):
    a, b = written(rows, tmp_path / "a.csv"), written(moved(rows, -0.02), tmp_path / "b.csv")
    regression = compare_rows(a, b)
    paths = write_regression(
        regression, tmp_path / "out", ("a.csv", "b.csv"), ["mln-bench compare"]
    )
    assert json.loads(paths.json.read_text()) == json.loads(
        json.dumps(document(regression, ("a.csv", "b.csv"), ["mln-bench compare"]))
    )
    assert "mse on rings, tuned per seed: B fell short of A" in paths.html.read_text()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.drop(columns="seed"), "has no column 'seed'"),
        (lambda rows: rows.drop(columns="accuracy"), "has no column 'accuracy'"),
        (
            lambda rows: rows.rename(columns={"policy": "lr_policy"}),
            "has 'lr_policy' in place of 'policy'.* an earlier release",
        ),
        (lambda rows: rows.assign(seed=rows["seed"] + 100), "no row in common"),
        (lambda rows: rows.iloc[[0, 0]], "stands there twice"),
    ],
)
def test_bad_files_are_one_line(rows, tmp_path, change, message):
    a, b = written(rows, tmp_path / "a.csv"), written(change(rows), tmp_path / "b.csv")
    with pytest.raises(InputError, match=message):
        compare_rows(a, b)


def test_what_is_no_file_or_no_metric(rows, tmp_path):
    a = written(rows, tmp_path / "a.csv")
    with pytest.raises(InputError, match="cannot be read"):
        compare_rows(a, tmp_path / "absent.csv")
    with pytest.raises(InputError, match="neither direction nor ROPE"):
        compare_rows(a, a, metric="beauty")
