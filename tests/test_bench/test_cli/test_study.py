"""The verb `study`."""

import json
from pathlib import Path

from test_bench.test_cli.calling import Cli

from bench.experiment.model import load

SMALL_STUDY = [
    "first-study",
    "--set=study.trials=2",
    "--set=study.startup_trials=1",
    "--set=study.budget=2000",
    "--set=study.tasks=2",
    "--set=study.rungs=1",
    "--set=study.space.evolution.settings.population=[4,8]",
    "--set=evolution.settings.budget=2000",
    "--set=evolution.settings.tasks_per_generation=2",
    "--set=evolution.settings.genetic.elites=2",
    "--set=evolution.settings.training.steps=10",
    "--set=evolution.settings.learner.hidden=[4]",
    "--set=tuning.rates=[0.01]",
]


def test_the_best_settings_become_an_experiment(run_cli: Cli, tmp_path: Path) -> None:
    where = ["--storage=sqlite:///mln.db", "--workers=1"]
    ended = run_cli("study", *SMALL_STUDY, *where, "--json", "--export", "best.toml")
    assert ended.code == 0, ended.err
    assert "study: 100%" in ended.err
    summary = json.loads(ended.out)
    assert summary["kind"] == "screen"
    assert summary["counts"]["fail"] == 0
    exported = load(str(tmp_path / "best.toml"))
    assert exported.study is None
    assert exported.evolution is not None
    settings = exported.evolution.settings
    best = summary["best"]["params"]
    assert settings.population == best["evolution.settings.population"]

    again = run_cli("study", *SMALL_STUDY, *where)
    assert again.code == 0, again.err
    assert "Best settings" in again.out
    command = "mln-bench dashboard --storage sqlite:///mln.db"
    assert again.out.splitlines()[-1] == f"Review it:  {command}"

    beside = run_cli("study", *SMALL_STUDY, *where[:1], "--compare", "first-study", "--json")
    assert beside.code == 0, beside.err
    told = json.loads(beside.out)
    assert [one["trials"] for one in told["studies"]] == [2, 2]
    assert Path(told["report"]).name == "report.html"
    for other, message in (
        ("screening", "no finished trial in this storage"),
        ("nowhere", "neither a study with a finished trial"),
    ):
        refused = run_cli("study", *SMALL_STUDY, *where[:1], "--compare", other)
        assert (refused.code, message in refused.err) == (2, True)
    assert run_cli("study", *SMALL_STUDY, "--compare", "first-study", "--trials=3").code == 2
