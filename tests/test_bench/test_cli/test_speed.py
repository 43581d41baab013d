"""The verb `speed`."""

import json

import pytest
from test_bench.test_cli.calling import Cli
from test_bench.test_speed.test_speed import SMALL

from bench.speed import cases as speed_cases
from bench.speed.cases import flops, workload


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--cases", "ax"], "--cases: 'x' is unknown; valid are: a, b, c, d, state_b"),
        (["--cases", "a,state_d"], "--cases: 'state_d' is unknown; did you mean 'state_s'?"),
        (["--optimizers", "adan"], "--optimizers: 'adan' is unknown; did you mean 'adam'?"),
        (["--designs", "vmapp"], "--designs: 'vmapp' is unknown; did you mean 'vmap'?"),
        (["--designs", ","], "must each name something"),
        (["--repeats", "0"], "--repeats"),
        (["--seconds", "nan"], "--seconds"),
        (["--workers", "2", "--memory"], "give one of them"),
    ],
)
def test_bad_options_get_one_line(run_cli: Cli, words: list[str], message: str) -> None:
    ended = run_cli("speed", *words)
    assert ended.code == 2
    (line,) = ended.err.splitlines()
    assert message in line
    assert ended.out == ""


def test_json_has_the_promised_keys_and_ratios_of_its_rates(
    run_cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed_cases, "CASES", SMALL)
    words = ["--cases=ad", "--designs=analytic", "--quick", "--seconds=0.01", "--json"]
    ended = run_cli("speed", *words)
    assert ended.code == 0
    assert "left out: analytic, case d, sgd: " in ended.err
    rows = json.loads(ended.out)
    by_design = {(row["case"], row["design"]): row for row in rows}
    assert list(by_design) == [("a", "naive"), ("a", "analytic"), ("d", "naive")]
    for (letter, _), row in by_design.items():
        rate = row["member_steps_per_s"]
        naive = by_design[letter, "naive"]["member_steps_per_s"]
        assert row["optimizer"] == "sgd"
        assert row["ratio_to_naive"] == pytest.approx(rate / naive)
        assert row["ratio_to_jax"] is None
        assert row["slowest"] <= rate <= row["fastest"]
        used = rate * flops(workload(SMALL[letter], "sgd").problem)
        assert row["share_of_peak"] == pytest.approx(used / row["sgemm_gflops"] / 1e9)
