"""The verb `demo`: the loop closes, repeats itself, and is to be had by hand."""

import json
from pathlib import Path

import pytest
from test_bench.test_cli.calling import Cli

from bench.experiment.model import load

TINY_DEMO = [
    f"--set={override}"
    for override in (
        "study.trials=4",
        "study.startup_trials=2",
        "study.budget=1000",
        "study.tasks=2",
        "study.rungs=2",
        "evolution.runs=2",
        "evolution.settings.budget=1000",
        "evolution.settings.population=4",
        "evolution.settings.tasks_per_generation=2",
        "evolution.settings.learning_rates=[0.01]",
        "evolution.settings.validation.candidates=2",
        "evolution.settings.validation.tasks=4",
        "evolution.settings.genetic.elites=2",
        "evolution.settings.training.steps=10",
        "evolution.settings.learner.hidden=[4]",
        "benchmark.tasks=['spirals','digits+noise=0.4']",
        "benchmark.seeds=6",
        "benchmark.training.steps=20",
        "tuning.rates=[0.003,0.01]",
    )
]


def stable(report: Path) -> dict:
    """report.json without times and paths."""
    content = json.loads(report.read_text())
    content.pop("provenance")
    return content


@pytest.mark.slow
def test_the_demo_closes_the_loop_and_repeats_itself(run_cli: Cli, tmp_path: Path) -> None:
    for name, jobs in (("a", "2"), ("b", "1")):
        where = ["--out", name, "--storage", f"sqlite:///{name}.db", "--jobs", jobs]
        ended = run_cli("demo", "--seed", "3", *where, *TINY_DEMO)
        assert ended.code == 0, ended.err
        assert "mln-bench dashboard" in ended.out
        for phase in ("study", "evolve 2 losses", "benchmark"):
            assert f"{phase}: 100%" in ended.err
    first = stable(tmp_path / "a" / "report.json")
    assert first == stable(tmp_path / "b" / "report.json")
    assert (tmp_path / "a" / "rows.csv").read_bytes() == (tmp_path / "b" / "rows.csv").read_bytes()
    assert {(row["candidate"], row["baseline"]) for row in first["comparisons"]} >= {
        ("mln_1", "ce"),
        ("mln_2", "mse"),
        ("pretrained:adaptive", "ce"),
    }
    assert first["missing"] == []
    assert (tmp_path / "a" / "report.html").stat().st_size > 10_000

    # Nothing is left to do, and the same is to be had by hand.
    by_hand = ["--storage", "sqlite:///a.db", "--set=seed=3", *TINY_DEMO]
    for verb in ("study", "run"):
        ended = run_cli(verb, "demo", *by_hand)
        assert ended.code == 0, ended.err
        assert "started" not in ended.err.replace("study: started", "")
    assert "note: 6 paired seeds are too few for 12 primary comparisons" in ended.err
    (state,) = json.loads(run_cli("status", "demo", "--json", *by_hand).out)
    assert state["done"] == 2 * 8 * 6 * 2
    assert state["missing"] == 0
    ended = run_cli("report", "demo", "--strict", "--out", "c", *by_hand)
    assert ended.code == 0, ended.err
    assert stable(tmp_path / "c" / "report.json") == first


def test_the_demo_leads_to_a_report(run_cli: Cli, tmp_path: Path) -> None:
    small = [*TINY_DEMO, "--set=benchmark.tasks=['spirals']", "--set=study.trials=2"]
    small += ["--set=benchmark.losses=['ce','mse','pretrained:adaptive']"]
    ended = run_cli("demo", "--seed", "3", "--out", "a", "--jobs", "1", *small)
    assert ended.code == 0, ended.err
    assert "mln-bench dashboard" in ended.out
    for phase in ("study", "evolve 2 losses", "benchmark"):
        assert f"{phase}: 100%" in ended.err
    assert stable(tmp_path / "a" / "report.json")["missing"] == []
    # Other seeds ask for another study of the same name, and the key is named.
    other = run_cli("demo", "--seed", "4", *small)
    assert other.code == 2
    assert "seed is 3 there and 4 here" in other.err


def test_the_demo_keeps_its_promises() -> None:
    """The budgets that the README and the report speak of."""
    demo = load("demo")
    assert demo.study is not None
    assert demo.evolution is not None
    assert demo.benchmark is not None
    assert demo.study.trials == 6
    assert demo.study.budget >= 500_000
    assert demo.evolution.runs == 3
    assert demo.evolution.loss == load("adaptive").evolution.loss  # type: ignore[union-attr]
    assert demo.evolution.settings.budget >= 3_000_000
    assert demo.evolution.validation
    assert demo.benchmark.training == demo.evolution.settings.training
    assert demo.benchmark.training.steps >= 400
    assert demo.benchmark.seeds >= 20
    assert "pretrained:adaptive" in demo.benchmark.losses
    assert len(demo.benchmark.tasks) == len(demo.tuning.rates) == 5

    def family(task: str) -> str:
        return task.partition("+")[0]

    seen = {family(task) for task in (*demo.evolution.families, *demo.study.families)}
    assert seen.isdisjoint(family(task) for task in demo.benchmark.tasks)
