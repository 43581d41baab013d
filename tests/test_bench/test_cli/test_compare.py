"""The verb `compare`."""

import json
from pathlib import Path

import pandas as pd
import pytest
from test_bench.test_cli.calling import SMALL_RUN, Cli, Stored


@pytest.fixture
def rows(run_cli: Cli, tmp_path: Path, benchmarked: Stored) -> Path:
    """The rows of a report, and beside them what they would be with a worse loss."""
    ended = run_cli("report", *SMALL_RUN, "--out", "report", benchmarked.option)
    assert ended.code == 0, ended.err
    table = pd.read_csv(tmp_path / "report" / "rows.csv")
    ce = table["loss"] == "ce"
    table.loc[ce, "accuracy"] = 0.5 * table.loc[ce, "accuracy"]
    table.to_csv(tmp_path / "worse.csv", index=False)
    return tmp_path / "report" / "rows.csv"


def test_strict_fails_for_what_is_worse_alone(run_cli: Cli, tmp_path: Path, rows: Path) -> None:
    same = run_cli("compare", str(rows), str(rows), "--strict")
    assert same.code == 0, same.err
    assert "the same in accuracy" in same.out
    assert run_cli("compare", str(rows), "worse.csv").code == 0
    assert run_cli("compare", str(rows), "worse.csv", "--strict").code == 1


def test_a_page_holds_its_command(run_cli: Cli, tmp_path: Path, rows: Path) -> None:
    words = ["compare", "report/rows.csv", "worse.csv", "--rope", "0.02"]
    ended = run_cli(*words, "--out", "there", "--json")
    assert ended.code == 0, ended.err
    command = "mln-bench compare report/rows.csv worse.csv --rope 0.02"
    assert command in (tmp_path / "there" / "report.html").read_text()
    assert json.loads(ended.out) == json.loads((tmp_path / "there" / "report.json").read_text())


def test_a_file_that_is_not_there_is_one_line(run_cli: Cli) -> None:
    ended = run_cli("compare", "a.csv", "b.csv")
    assert ended.code == 2
    assert ended.err.startswith("error: a.csv: cannot be read")
    assert ended.err.count("\n") == 1
