"""Studies of each kind from the command line."""

import json

import optuna
import pytest
from typer.testing import CliRunner

from bench.cli.app import app


@pytest.mark.slow
def test_the_three_kinds_from_the_command_line(tmp_path):
    small = [
        "--set=study.budget=6000",
        "--set=study.tasks=4",
        "--set=evolution.settings.budget=6000",
        "--set=evolution.settings.tasks_per_generation=1",
        "--set=evolution.settings.training.steps=10",
        "--set=tuning.rates=[0.01]",
    ]
    where = [f"--storage=sqlite:///{tmp_path}/mln.db", f"--artifacts={tmp_path}", "--workers=2"]
    best = f"--export={tmp_path}/best.toml"
    for words in (
        ["study", "screening", "--trials=4", best],
        ["study", "confirmation"],
        ["ablate", "mode-ablation"],
    ):
        ended = CliRunner().invoke(app, [*words, *where, "--json", *small])
        assert ended.exit_code == 0, ended.output
        summary = json.loads(ended.stdout)
        assert summary["counts"]["fail"] == 0
        assert summary["best"]["value"] is not None
    ended = CliRunner().invoke(app, ["evolve", f"{tmp_path}/best.toml", *where[:2], "--jobs=1"])
    assert ended.exit_code == 0, ended.output
    assert len(optuna.get_all_study_names(f"sqlite:///{tmp_path}/mln.db")) == 3
