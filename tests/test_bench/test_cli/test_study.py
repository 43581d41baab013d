"""The verb `study`."""

import json
import shlex
from pathlib import Path

import pytest
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
    assert f"Review it:  {command}" in again.out.splitlines()

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


def next_command(out: str) -> list[str]:
    """The words after `mln-bench` of the command that the last line proposes."""
    line = out.strip().splitlines()[-1]
    assert line.startswith("Next:  mln-bench ")
    return shlex.split(line)[2:]


@pytest.mark.slow
def test_each_command_of_the_loop_names_the_next(run_cli: Cli, tmp_path: Path) -> None:
    where = ["--storage=sqlite:///mln.db"]
    ended = run_cli("study", *SMALL_STUDY, *where, "--workers=1", "--export", "best.toml")
    evolve = next_command(ended.out)
    assert evolve[:2] == ["evolve", "best.toml"]
    ended = run_cli(*evolve, "--jobs=1")
    assert ended.code == 0, ended.err
    files = {path.stem for path in tmp_path.glob("best-*.safetensors")}
    assert files == {"best-1", "best-2", "best-3"}
    run = next_command(ended.out)
    assert run[:2] == ["run", "quickstart"]
    tiny = ["--set=benchmark.tasks=['spirals']", "--set=benchmark.seeds=2"]
    tiny += ["--set=benchmark.training.steps=10", "--set=tuning.rates=[0.01]"]
    ended = run_cli(*run, *tiny, "--jobs=1")
    assert ended.code == 0, ended.err
    report = next_command(ended.out)
    ended = run_cli(*report, "--json")
    assert ended.code == 0, ended.err
    compared = {row["candidate"] for row in json.loads(ended.out)["verdicts"]}
    assert len(compared) == 1
    assert compared < files


def test_evolution_goes_on_from_a_file_with_a_larger_budget(run_cli: Cli, tmp_path: Path) -> None:
    tiny = [word for word in SMALL_STUDY[1:] if word.startswith("--set=evolution")]
    tiny.append("--jobs=1")
    first = run_cli("evolve", "one-loss", *tiny, "--out", "a.safetensors")
    assert first.code == 0, first.err
    larger = ["--set=evolution.settings.budget=4000", "--from", "a.safetensors"]
    further = run_cli("evolve", "one-loss", *tiny, *larger, "--out", "b.safetensors")
    assert further.code == 0, further.err
    assert (tmp_path / "b.safetensors").read_bytes() != (tmp_path / "a.safetensors").read_bytes()
    wrong = run_cli("evolve", "one-loss", "--from", "pretrained:adaptive")
    assert (wrong.code, wrong.out) == (2, "")
    assert "the file's loss has kind = 'adaptive'" in wrong.err
