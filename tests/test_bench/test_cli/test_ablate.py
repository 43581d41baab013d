"""The verb `ablate`."""

import json

from test_bench.test_cli.calling import SMALL_ABLATION, Cli, Stored


def test_every_cell_of_the_factors_is_shown(ablated: Stored) -> None:
    assert ablated.ended.code == 0, ablated.ended.err
    assert "Cells: mean gain over tuned CE" in ablated.ended.out
    assert "Review it:  mln-bench dashboard --storage sqlite:///" in ablated.ended.out


def test_a_finished_ablation_is_not_run_again(run_cli: Cli, ablated: Stored) -> None:
    ended = run_cli("ablate", *SMALL_ABLATION, "--json", ablated.option)
    assert ended.code == 0, ended.err
    summary = json.loads(ended.out)
    assert summary["kind"] == "ablate"
    assert summary["counts"] == {"complete": 2, "pruned": 0, "fail": 0}
    modes = [trial["params"]["evolution.settings.mode"] for trial in summary["trials"]]
    assert sorted(modes) == ["es", "ga"]
