"""`from reports import significance`: anyone's results in, verdicts out."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from test_reports.given_tables import plain, tuned

from bench.errors import InputError
from reports import Terms, significance


@pytest.fixture(scope="module")
def judged():
    return significance(tuned(), metric="accuracy", baselines=["ce"])


@pytest.fixture(scope="module")
def written(judged, tmp_path_factory):
    return judged.write(tmp_path_factory.mktemp("given") / "report")


def test_comparisons_are_those_of_the_report(judged, written):
    document = json.loads(written.json.read_text())
    frame = judged.comparisons.astype(object).where(judged.comparisons.notna(), None)
    for own, item in zip(frame.to_dict("records"), document["comparisons"], strict=True):
        for name in ("task", "learner", "candidate", "baseline", "metric", "policy", "n",
                     "mean_difference", "ci_low", "ci_high", "p", "p_holm", "dz", "p_better",
                     "verdict"):  # fmt: skip
            assert own[name] == pytest.approx(item[name]), name
    assert list(judged.comparisons)[:4] == ["task", "learner", "candidate", "baseline"]


def test_a_comparison_is_what_scipy_makes_of_the_pairs():
    frame = plain(tasks=("digits",))
    wide = frame.pivot_table(index="seed", columns="loss", values="accuracy")
    d = (wide["focal"] - wide["ce"]).to_numpy()
    (row,) = (
        significance(frame, baselines=["ce"], terms=Terms(candidates=("focal",)))
        .comparisons.query("family == 'primary'")
        .to_dict("records")
    )
    limits = stats.ttest_1samp(d, 0).confidence_interval()
    exact = stats.permutation_test(
        (np.round(d, 6),), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    assert row["mean_difference"] == pytest.approx(d.mean())
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((limits.low, limits.high))
    assert row["p"] == row["p_holm"] == pytest.approx(exact.pvalue)


def test_the_order_of_rows_and_swapped_names_change_nothing_else():
    frame = plain()
    one = significance(frame, baselines=["ce"]).comparisons
    shuffled = significance(frame.iloc[::-1], baselines=["ce"]).comparisons
    key = ["task", "candidate"]
    columns = [*key, "mean_difference", "p_holm", "verdict"]
    pd.testing.assert_frame_equal(
        one.sort_values(key)[columns].reset_index(drop=True),
        shuffled.sort_values(key)[columns].reset_index(drop=True),
    )
    swapped = significance(frame, baselines=["focal"], terms=Terms(candidates=("ce",))).comparisons
    there = one[one["candidate"] == "focal"].set_index("task")["mean_difference"]
    assert (
        swapped.query("family == 'primary'").set_index("task")["mean_difference"] == -there
    ).all()


def test_what_is_declared_decides(judged):
    terms = Terms(alpha=0.2, name="mine", candidates=("focal",))
    wide = significance(tuned(), "accuracy", ["ce"], rope=0.5, terms=terms)
    assert set(wide.comparisons.query("family == 'primary'")["verdict"]) == {"equivalent"}
    report = wide.data.experiment.report
    assert (report.rope, report.alpha, wide.data.experiment.name) == (0.5, 0.2, "mine")
    assert judged.data.experiment.report.rope == 0.005


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda x: x[x["seed"] < 105], "5 pairs: fewer than 6"),
        (lambda x: x[x["seed"] < 101], "1 pair: fewer than 6"),
        (lambda x: x[(x["loss"] != "ce") | (x["seed"] < 107)], "1 of 8 paired seeds missing"),
        (
            lambda x: x[(x["loss"] != "ce") | (x["lr"] < 0.05)],
            "tuning budgets differ (24 against 16",
        ),
        (lambda x: x[(x["loss"] != "ce") | (x["task"] != "moons")], "8 of 8 paired seeds missing"),
    ],
)
def test_what_cannot_be_paired_is_refused_with_the_reason(change, reason):
    judged = significance(change(tuned()), baselines=["ce"])
    primary = judged.comparisons[judged.comparisons["family"] == "primary"]
    refused = primary[primary["verdict"] == "refused"]
    assert len(refused)
    assert refused["reason"].str.contains(reason, regex=False).all()
    assert refused["p"].isna().all()
    assert any(reason in line for line in judged.warnings)


def test_without_a_rope_the_head_says_so():
    frame = plain().rename(columns={"accuracy": "f1"})
    judged = significance(frame, baselines=["ce"], terms=Terms(direction="maximise"))
    assert "No region of practical equivalence" in judged.warnings[-1]
    assert "equivalent" not in set(judged.comparisons["verdict"])
    rope = significance(frame, baselines=["ce"], rope=0.01, terms=Terms(direction="maximise"))
    assert not any("practical equivalence" in line for line in rope.warnings)


def test_the_page_says_what_was_paired_and_what_is_not_known(judged, written):
    page = written.html.read_text()
    assert "Paired by task, learner and seed" in page
    assert "taken on trust" in page
    for text in (
        "before the run",
        "Root seed",
        "benchmark.seeds",
        "tuning.rates",
        "initial weights on the same",
    ):
        assert text not in page
    document = json.loads(written.json.read_text())
    assert document["provenance"]["paired_by"] == ["task", "learner", "seed"]
    assert (written.directory / "configurations.csv").is_file()


@pytest.mark.parametrize("name", ["rows.csv", "configurations.csv"])
def test_a_reports_own_tables_give_the_same_verdicts(judged, written, name):
    again = significance(written.directory / name, metric="accuracy", baselines=["ce"])
    key = ["task", "candidate", "policy"]
    a, b = (
        x.sort_values(key).reset_index(drop=True)[
            [*key, "n", "mean_difference", "p_holm", "verdict"]
        ]
        for x in (judged.comparisons, again.comparisons)
    )
    pd.testing.assert_frame_equal(a, b)


def test_a_notebook_shows_verdicts_and_escapes_names():
    frame = plain().replace({"task": {"moons": "<moons> & co"}})
    judged = significance(frame, baselines=["ce"])
    html = judged._repr_html_()
    assert "&lt;moons&gt; &amp; co" in html
    assert "<moons>" not in html
    assert html.count("<tr>") == 1 + 4
    assert judged.findings[0] in repr(judged)


def test_a_frame_that_was_given_stays_as_it_is():
    frame = tuned()
    before = frame.copy()
    significance(frame, baselines=["ce"])
    pd.testing.assert_frame_equal(frame, before)


def test_bad_terms_are_one_line():
    with pytest.raises(InputError, match="did you mean 'accuracy'"):
        significance(tuned(), metric="acuracy")
    with pytest.raises(InputError, match="cannot be read: No such file"):
        significance("nowhere.csv")


def test_no_torch_is_imported(tmp_path):
    plain().to_csv(tmp_path / "results.csv", index=False)
    code = (
        "import sys; from reports import significance;"
        "significance('results.csv').comparisons; sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
