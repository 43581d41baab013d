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


def edited(rows, column, value):
    """Rows of which one was edited by hand."""
    changed = rows.astype({column: object})
    changed.loc[3, column] = value
    return changed


def diverged(rows):
    """A run of which every learner diverged before anything was measured but the declared score."""
    return rows.assign(status="diverged", accuracy=0.0, nll=float("nan"))


@pytest.mark.parametrize("metric", ["accuracy", "nll"])
@pytest.mark.filterwarnings("error")
def test_a_run_that_diverged_counts_with_the_worst_score(rows, tmp_path, metric):
    a, b = written(rows, tmp_path / "a.csv"), written(diverged(rows), tmp_path / "b.csv")
    regression = compare_rows(a, b, metric=metric)
    worst = {"accuracy": 1.0, "nll": 10.0}[metric]
    assert all(0.7 * worst < change.largest <= worst for change in regression.changes)
    assert len(regression.statuses) == len(rows)
    assert write_regression(regression, tmp_path / "out", ("a", "b")).html.exists()
    both = compare_rows(b, b)
    assert {change.verdict for change in both.changes} == {"unchanged"}
    assert write_regression(both, tmp_path / "out", ("b", "b")).html.exists()


def test_few_rows_that_hardly_differ_on_coarse_scores_are_not_equivalent(rows, tmp_path):
    coarse = rows.assign(accuracy=(rows["accuracy"] * 18).round() / 18)
    regression = compare_rows(
        written(coarse, tmp_path / "a.csv"),
        written(coarse.assign(accuracy=coarse["accuracy"].where(rows.index != 3, 16 / 18)),
                tmp_path / "b.csv"),
        rope=0.01,
    )  # fmt: skip
    verdicts = {change.verdict for change in regression.changes}
    assert verdicts <= {"unchanged", "inconclusive"}


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
        (lambda rows: rows.iloc[[0, 0]], r"stands there twice \(lines 2 and 3\)"),
        (lambda rows: edited(rows, "accuracy", "inf"), "line 5: accuracy is infinite"),
        (lambda rows: edited(rows, "accuracy", "good"), "line 5: accuracy is 'good', not a number"),
        (lambda rows: edited(rows, "accuracy", "94.4"), "line 5: accuracy is 94.4, but"),
        (lambda rows: edited(rows, "accuracy", ""), "1 row of .* in one of them alone, first task"),
        (lambda rows: edited(rows, "seed", "x"), "line 5: seed is 'x', not a number"),
        (lambda rows: edited(rows, "seed", "0.5"), "line 5: seed is '0.5', not a whole number"),
        (lambda rows: edited(rows, "task", ""), "line 5: task is empty"),
        (lambda rows: edited(rows, "status", "ended"), "line 5: status is 'ended'; valid are"),
        (lambda rows: rows.iloc[:0], "has a header but no row"),
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
