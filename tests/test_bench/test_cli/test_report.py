"""The verb `report`."""

import html
import json
import shlex
from pathlib import Path

import pytest
from sqlalchemy import create_engine, delete
from test_bench.test_cli.calling import SMALL_ABLATION, SMALL_RUN, Cli, Stored

from bench.store.schema import cells


def test_the_command_that_run_names_writes_the_report(
    run_cli: Cli, tmp_path: Path, benchmarked: Stored
) -> None:
    following = benchmarked.ended.out.splitlines()[-1].removeprefix("Next:  ")
    ended = run_cli(*shlex.split(following)[1:], "--strict")
    assert ended.code == 0, ended.err
    assert ended.out.splitlines()[-1].split() == ["Report:", "runs/reports/quickstart/report.html"]
    folder = tmp_path / "runs/reports/quickstart"
    assert {"report.html", "report.json", "rows.csv", "tables", "figures"} <= {
        path.name for path in folder.iterdir()
    }
    page = html.unescape((folder / "report.html").read_text())
    assert "mln-bench run quickstart --set 'benchmark.tasks=" in page
    assert "mln-bench report quickstart --set 'benchmark.tasks=" in page


def test_machines_get_the_verdicts_and_the_page(run_cli: Cli, benchmarked: Stored) -> None:
    ended = run_cli("report", *SMALL_RUN, "--out", "there", "--json", benchmarked.option)
    assert ended.code == 0, ended.err
    document = json.loads(ended.out)
    assert document["report"] == "there/report.html"
    pairs = {(row["candidate"], row["baseline"]) for row in document["verdicts"]}
    for row in document["verdicts"]:
        assert row["ci_low"] <= row["mean_difference"] <= row["ci_high"]
        assert 0 <= row["p"] <= row["p_holm"] <= 1
    assert pairs == {("mae", "ce"), ("mae", "mse")}


def test_strict_fails_where_cells_are_missing(
    run_cli: Cli, tmp_path: Path, benchmarked: Stored
) -> None:
    whole = Path(benchmarked.option.removeprefix("--storage=sqlite:///"))
    (tmp_path / "mln.db").write_bytes(whole.read_bytes())
    engine = create_engine(f"sqlite:///{tmp_path}/mln.db")
    with engine.begin() as connection:
        connection.execute(delete(cells).where(cells.c.seed == 0))
    engine.dispose()
    command = ["report", *SMALL_RUN, "--out", "there", "--storage=sqlite:///mln.db"]
    assert run_cli(*command).code == 0
    assert run_cli(*command, "--strict").code == 1


def test_an_ablation_is_reported(run_cli: Cli, tmp_path: Path, ablated: Stored) -> None:
    command = ["report", *SMALL_ABLATION, "--out", "there", "--json"]  # its kind is inferred
    ended = run_cli(*command, ablated.option)
    assert ended.code == 0, ended.err
    (effect,) = json.loads(ended.out)["verdicts"]
    assert effect["factor"] == "mode"
    assert {effect["level"], effect["reference"]} == {"ga", "es"}
    page = html.unescape((tmp_path / "there/report.html").read_text())
    assert "mln-bench ablate mode-ablation --set" in page
    assert "mln-bench report mode-ablation --kind ablation --set" in page


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("quickstart one-loss --kind ablation", "--kind ablation: name one experiment"),
        (
            "quickstart one-loss first-study --kind study",
            "--kind study: name the winner and the default",
        ),
        ("quickstart --kind ablaton", "--kind"),
        ("quickstart --out /proc/x", "cannot be written"),
    ],
)
def test_bad_input_is_one_line(
    run_cli: Cli, tmp_path: Path, benchmarked: Stored, words: str, message: str
) -> None:
    ended = run_cli("report", *words.split(), benchmarked.option)
    assert ended.code == 2
    assert message in ended.err
    assert ended.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_where_no_kind_fits_the_message_says_what_is_stored(
    run_cli: Cli, benchmarked: Stored
) -> None:
    ended = run_cli("report", *SMALL_ABLATION, benchmarked.option)
    assert ended.code == 2
    assert "run `mln-bench ablate` with this experiment" in ended.err
    assert "that storage holds 'quickstart' (benchmark)" in ended.err
