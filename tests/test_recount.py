"""tests/recount.py agrees with reports that are right, and notices what was changed in them."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import recount
from places import ROOT
from test_bench.test_cli.calling import call
from test_reports.given_tables import plain, tuned

from reports import Terms, significance

SMALL = [
    "run",
    "--set=benchmark.tasks=['spirals','moons+noise=0.3']",
    "--set=benchmark.losses=['ce','mse','gce']",
    "--set=benchmark.seeds=7",
    "--set=benchmark.training.steps=20",
    "--set=tuning.rates=[0.003,0.03]",
    "--set=tuning.parameter_values=2",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A written report with a diverged run, a missing one, and ties."""
    frame = tuned(parameters=(2.0, 0.5)).assign(status="done")
    frame.loc[frame["loss"] == "mse", "parameter"] = 1.0
    other = frame[frame["loss"] == "mse"].assign(parameter=2.0)
    every = pd.concat([frame, other, frame[frame["loss"] == "ce"].assign(parameter=9.0)])
    every.loc[(every["loss"] == "ce") & every["parameter"].isna(), "parameter"] = 8.0
    every = every.reset_index(drop=True)
    worst = every.query("loss == 'focal' and task == 'moons' and seed == 104 and lr > 0.05").index
    every.loc[worst, ["status", "inner", "accuracy"]] = ["diverged", None, None]
    every = every[~((every["loss"] == "mse") & (every["task"] == "moons") & (every["seed"] == 101))]
    path = tmp_path_factory.mktemp("recount") / "report"
    significance(every, baselines=["ce", "mse"], terms=Terms(alpha=0.1)).write(path)
    return path


def test_a_report_that_is_right_agrees_without_the_suite(folder: Path, tmp_path: Path) -> None:
    script = ROOT / "tests" / "recount.py"
    names = ("mln", "bench", "studies", "reports")
    blocked = f"import runpy, sys; sys.modules.update(dict.fromkeys({names}))"
    code = f"{blocked}; sys.argv = ['recount', {str(folder)!r}]; "
    code += f"runpy.run_path({str(script)!r}, run_name='__main__')"
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    rows = len(pd.read_csv(folder / "rows.csv"))
    count = len(json.loads((folder / "report.json").read_text())["comparisons"])
    assert ended.stdout == f"rows: {rows} of {rows}; comparisons: {count} of {count}\n"


def tampered(folder: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("figures", "tables"))
    return copy


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mean_difference", 0.5),
        ("ci_low", -0.5),
        ("ci_high", 0.5),
        ("p", 0.5),
        ("p_holm", 0.7),
        ("verdict", "inconclusive"),
        ("n", 7),
        ("family_size", 99),
    ],
)
def test_a_changed_comparison_is_noticed(
    folder: Path, tmp_path: Path, field: str, value: object
) -> None:
    copy = tampered(folder, tmp_path)
    document = json.loads((copy / "report.json").read_text())
    judged = [item for item in document["comparisons"] if item["verdict"] == "better"]
    judged[0][field] = value
    (copy / "report.json").write_text(json.dumps(document))
    _, wrong = recount.recount(copy)
    assert len(wrong) == 1
    assert field.split("_")[0] in wrong[0]


def test_a_refusal_that_was_lifted_and_a_comparison_left_out_are_noticed(
    folder: Path, tmp_path: Path
) -> None:
    copy = tampered(folder, tmp_path)
    document = json.loads((copy / "report.json").read_text())
    refused = [item for item in document["comparisons"] if item["verdict"] == "refused"]
    refused[0]["verdict"] = "better"
    (copy / "report.json").write_text(json.dumps(document))
    assert any("counted refused" in line for line in recount.recount(copy)[1])
    document["comparisons"] = [x for x in document["comparisons"] if x["task"] != "digits"]
    (copy / "report.json").write_text(json.dumps(document))
    assert any("focal against ce is not there" in line for line in recount.recount(copy)[1])


def test_a_choice_by_test_scores_is_noticed(folder: Path, tmp_path: Path) -> None:
    copy = tampered(folder, tmp_path)
    rows = pd.read_csv(copy / "rows.csv")
    every = pd.read_csv(copy / "configurations.csv")
    for place, row in rows.iterrows():
        key = ["task", "loss", "seed"]
        own = every[(every[key] == row[key]).all(axis=1) & (every["status"] == "done")]
        best = own.loc[own["accuracy"].idxmax()]
        if row["status"] == "done" and best["accuracy"] > row["accuracy"]:
            rows.loc[place, ["lr", "parameter", "accuracy"]] = best[["lr", "parameter", "accuracy"]]
            break
    rows.to_csv(copy / "rows.csv", index=False)
    line, wrong = recount.recount(copy)
    assert f"rows: {len(rows) - 1} of {len(rows)}" in line
    assert any("chosen by inner is" in each for each in wrong)


def test_a_dropped_seed_is_noticed(folder: Path, tmp_path: Path) -> None:
    copy = tampered(folder, tmp_path)
    pd.read_csv(copy / "rows.csv").iloc[1:].to_csv(copy / "rows.csv", index=False)
    _, wrong = recount.recount(copy)
    assert any("chosen by inner, but not there" in line for line in wrong)


def test_many_pairs_are_recounted_as_few_are() -> None:
    rng = np.random.default_rng(0)
    for n, unit in ((12, 100), (23, 100), (30, 250)):
        scores = np.round(rng.uniform(0.5, 0.9, (2, n)) * unit) / unit
        d = scores[0] - scores[1] + 0.0
        own = recount.sign_flip(d, scores.ravel())
        signs = rng.choice([-1.0, 1.0], (200_000, n))
        drawn = (np.abs(signs @ d) >= abs(d.sum()) - 1e-9).mean()
        assert own == pytest.approx(drawn, abs=0.005)


def test_a_folder_without_a_report_is_one_line(tmp_path: Path) -> None:
    words = [sys.executable, str(ROOT / "tests" / "recount.py"), str(tmp_path)]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1


@pytest.mark.slow
def test_reports_of_a_real_run_agree_and_their_rows_give_the_same_verdicts(tmp_path: Path) -> None:
    storage = f"--storage=sqlite:///{tmp_path}/mln.db"
    for words in (["run", *SMALL, "--jobs=1"], ["report", *SMALL, "--out", "report"]):
        ended = call(tmp_path, *words, storage)
        assert ended.code == 0, ended.err
    rows = ["report", "--rows", "report/rows.csv", "--metric", "accuracy", "--out", "again"]
    assert call(tmp_path, *rows).code == 0
    line, wrong = recount.recount(tmp_path / "report")
    assert wrong == [], line
    assert recount.recount(tmp_path / "again")[1] == []
    key = ("task", "candidate", "baseline", "metric", "policy", "p_holm", "verdict")
    first, again = (
        {tuple(item[name] for name in key) for item in
         json.loads((tmp_path / name / "report.json").read_text())["comparisons"]}
        for name in ("report", "again")
    )  # fmt: skip
    assert first == again


def test_an_untuned_table_is_recounted_too(tmp_path: Path) -> None:
    judged = significance(plain(seeds=25), baselines=["ce"], terms=Terms(candidates=("focal",)))
    document = {
        "alpha": 0.05, "missing": [], "candidates": ["focal"], "baselines": ["ce"],
        "policies": ["given"], "metric": "accuracy",
        "metrics": {"accuracy": {"direction": "maximise", "rope": 0.005, "worst": 0.0}},
        "comparisons": judged.comparisons.to_dict("records"),
    }  # fmt: skip
    (tmp_path / "report.json").write_text(json.dumps(document))
    judged.data.rows.to_csv(tmp_path / "rows.csv", index=False)
    line, wrong = recount.recount(tmp_path)
    assert wrong == []
    assert "comparisons: 4 of 4" in line
