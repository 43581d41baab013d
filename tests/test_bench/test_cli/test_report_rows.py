"""The verb `report --rows`: results from anywhere."""

import html
import json
from pathlib import Path

import pytest
from test_bench.test_cli.calling import Cli
from test_reports.given_tables import plain, tuned


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A table of results in the folder where commands run."""
    plain().to_csv(tmp_path / "results.csv", index=False)
    tuned().to_csv(tmp_path / "tuned.csv", index=False)
    return tmp_path / "results.csv"


def test_a_report_and_the_command_that_makes_it_again(
    run_cli: Cli, tmp_path: Path, results: Path
) -> None:
    words = ["--rows", "results.csv", "--baseline", "ce", "--rope", "0.002", "--strict"]
    ended = run_cli("report", *words)
    assert ended.code == 0, ended.err
    assert ended.out.splitlines()[-1].split() == ["Report:", "runs/reports/results/report.html"]
    assert "as given" in ended.out
    page = (tmp_path / "runs/reports/results/report.html").read_text()
    command = "mln-bench report --rows results.csv --baseline ce --rope 0.002"
    assert command in html.unescape(page)


def test_strict_fails_where_something_is_refused(run_cli: Cli, tmp_path: Path) -> None:
    tuned(tasks=("digits",), seeds=3).to_csv(tmp_path / "few.csv", index=False)
    ended = run_cli("report", "--rows", "few.csv", "--json", "--strict", "--out", "there")
    assert ended.code == 1, ended.err
    assert all(row["verdict"] == "refused" for row in json.loads(ended.out)["verdicts"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "name an experiment"),
        ("demo --rows results.csv", "--rows or an experiment (demo), not both"),
        ("--rows results.csv --set seed=1", "--set seed=1: there is no experiment beside --rows"),
        ("--rows results.csv --kind study", "--kind study: --rows gives a report of kind"),
        ("demo --rope 0.1", "--rope goes with --rows FILE"),
        ("demo --baseline ce", "--baseline goes with --rows FILE"),
        ("--rows nowhere.csv", "nowhere.csv: cannot be read"),
        ("--rows results.csv --metric acuracy", "did you mean 'accuracy'?"),
        ("--rows results.csv --baseline cee", "did you mean 'ce'?"),
        ("--rows results.csv --direction up", "--direction"),
        ("--rows results.csv --curves tuned.csv", "tuned.csv: has no column 'step'"),
        ("--rows results.csv --out /proc/x", "cannot be written"),
    ],
)
def test_bad_input_is_one_line(
    run_cli: Cli, tmp_path: Path, results: Path, words: str, message: str
) -> None:
    ended = run_cli("report", *words.split())
    assert ended.code == 2
    assert message in ended.err
    assert ended.err.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"results.csv", "tuned.csv"}
