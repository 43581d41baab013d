"""The verb `new`, and what an experiment it wrote is worth."""

import json
from pathlib import Path

import pytest
from test_bench.test_cli.calling import Cli, Stored

from bench.experiment.model import load


@pytest.fixture(autouse=True)
def _no_data_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths in names of tasks begin where the command is called."""
    monkeypatch.delenv("MLN_DATA_ROOT", raising=False)


def test_a_new_experiment_of_a_table_leads_to_a_report(run_cli: Cli, tmp_path: Path) -> None:
    lines = [f"{x / 7:.3f},{'low' if x % 5 else 'high'},{'ab'[x % 2]}" for x in range(120)]
    (tmp_path / "my data.csv").write_text("\n".join(["size,level,kind", *lines]))
    ended = run_cli("new", "mine", "--task", "table:my data.csv,label=kind")
    assert ended.code == 0, ended.err
    assert [line.split()[1] for line in ended.out.splitlines()[1:]] == ["show", "run", "report"]
    few = [
        "--set=benchmark.seeds=2",
        "--set=benchmark.training.steps=10",
        "--set=tuning.rates=[0.01]",
    ]
    assert run_cli("run", "mine.toml", *few, "--jobs=1").code == 0
    assert run_cli("report", "mine.toml", *few).code == 0
    assert (tmp_path / "runs/reports/mine/report.html").is_file()


def test_what_cannot_be_used_writes_nothing(run_cli: Cli, tmp_path: Path) -> None:
    for task, message in (("moonz", "did you mean 'moons'"), ("table:no.csv,label=y", "no.csv")):
        ended = run_cli("new", "mine", "--task", task)
        assert (ended.code, ended.err.count("\n")) == (2, 1)
        assert message in ended.err
    assert run_cli("new", "a b", "--task", "moons").code == 2  # no name of an experiment
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mine.toml").write_text("mine")
    assert "exists already" in run_cli("new", "mine", "--task", "moons").err
    assert (tmp_path / "mine.toml").read_text() == "mine"


def test_pictures_get_a_learner_of_pictures(run_cli: Cli, tmp_path: Path) -> None:
    assert run_cli("new", "mixed", "--task", "digits", "--task", "moons").code == 0
    written = load(str(tmp_path / "mixed.toml")).benchmark
    assert written is not None
    assert written.learner.kind == "mlp"
    shown = json.loads(run_cli("show", "mixed.toml", "--no-time", "--json").out)
    assert shown["experiment"] == "mixed"
    assert {"key": "benchmark.seeds", "value": 10, "origin": "file"} in shown["values"]


def test_what_a_storage_holds_is_listed(run_cli: Cli, benchmarked: Stored) -> None:
    (row,) = json.loads(run_cli("list", "runs", "--json", benchmarked.option).out)
    assert (row["name"], row["kind"], row["done"]) == ("quickstart", "benchmark", 42)
    assert run_cli("list", "runs", "--storage=sqlite:///absent.db").code == 2
