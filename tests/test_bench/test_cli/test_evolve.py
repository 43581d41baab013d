"""The verb `evolve`."""

import json
from pathlib import Path

from test_bench.test_cli.calling import Cli


def test_evolve_writes_a_loss_file_and_does_not_repeat_itself(run_cli: Cli, tmp_path: Path) -> None:
    tiny = [
        "--set=evolution.settings.budget=2000",
        "--set=evolution.settings.population=4",
        "--set=evolution.settings.genetic.elites=2",
        "--set=evolution.settings.tasks_per_generation=2",
        "--set=evolution.settings.training.steps=10",
    ]
    first = run_cli("evolve", "one-loss", "--out", "my/loss.safetensors", "--json", *tiny)
    assert first.code == 0, first.err
    content = (tmp_path / "my" / "loss.safetensors").read_bytes()
    again = run_cli("evolve", "one-loss", "--out", "my/loss.safetensors", "--json", *tiny)
    assert again.err == ""
    assert json.loads(again.out) == json.loads(first.out)
    assert (tmp_path / "my" / "loss.safetensors").read_bytes() == content
