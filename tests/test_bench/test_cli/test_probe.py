"""The verb `probe`."""

import json

import pytest
from test_bench.test_cli.calling import Cli

TINY = [
    "--set=evolution.families=['moons','circles+noise=0.3']",
    "--set=evolution.settings.training.steps=8",
    "--set=tuning.rates=[0.01]",
    "--tasks=2",
    "--jobs=1",
]


def test_probe_prints_tables(run_cli: Cli) -> None:
    shown = run_cli("probe", "one-loss", *TINY)
    assert shown.code == 0, shown.err
    assert "mixture / digits" in shown.out
    assert "rank correlation" in shown.out
    assert "mean rank correlation" in shown.err


@pytest.mark.slow
def test_json_has_the_numbers_of_the_table(run_cli: Cli) -> None:
    shown = run_cli("probe", "one-loss", *TINY)
    first = run_cli("probe", "one-loss", *TINY, "--json")
    result = json.loads(first.out)
    assert [regime["regime"] for regime in result["regimes"]] == ["clean", "noise=0.3"]
    assert set(result) == {"regimes", "mean_rank_correlation"}
    law = result["regimes"][1]["laws"][8]
    assert law["law"] == "robust"
    assert f"{100 * law['reference']['gain']:+.1f}" in shown.out


def test_a_bad_reference_is_one_line(run_cli: Cli) -> None:
    ended = run_cli("probe", "one-loss", *TINY, "--reference=moons")
    assert ended.code == 2
    assert ended.err.startswith("error: --reference moons: evolution draws from it")
    assert ended.err.count("\n") == 1
