"""The verb `speed`."""

import json
from typing import Any

import pytest
import typer
from test_bench.test_cli.calling import Cli
from test_bench.test_speed.test_speed import SMALL

from bench.cli.speed_device import Wanted, speed_on_device
from bench.speed import cases as speed_cases
from bench.speed import device
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
        (["--device", "mps"], "device 'mps': learners are trained on cpu and cuda devices alone"),
        (["--device", "cuda", "--memory"], "--workers and --memory are of processors alone"),
        (["--device", "cuda", "--cases", "state_s"], "--cases: 'state_s' is unknown"),
        (["--device", "cuda", "--designs", "fused"], "'fused' is unknown on a device"),
        (["--device", "cuda", "--populations", "64,x"], "'x' is no number of members"),
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


def test_a_device_is_measured_beside_one_core(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The CPU stands for a GPU here.
    monkeypatch.setattr(device, "CASES", SMALL)
    monkeypatch.setattr(device, "ceilings", lambda _: device.Ceilings(1e12, 1e12))
    wanted = Wanted("cpu", ["b"], ["sgd"], ["analytic", "torch.func"], ["2", "3"], 0.01)
    with pytest.raises(typer.Exit) as ended:
        speed_on_device(wanted, True)
    assert ended.value.exit_code == 0
    shown = capsys.readouterr()
    one, *rows = json.loads(shown.out)
    assert one["design"].endswith(", one core")
    assert [(row["design"], row["population"]) for row in rows if row["loss"] == "network"] == [
        (design, members) for members in (2, 3) for design in ("analytic", "torch.func")
    ]
    for row in rows[:4]:
        rate = row["member_steps_per_s"]
        assert row["ratio_to_core"] == pytest.approx(rate / one["member_steps_per_s"])
        work = device.Work("b", "sgd", "network", row["population"])
        lowest = device.floor_rate(work, device.Ceilings(1e12, 1e12))
        assert row["share_of_floor"] == pytest.approx(rate / lowest)
    assert "case b, sgd, network, 3 members: analytic" in shown.err


def test_what_fails_on_a_device_is_said_and_the_rest_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measure = device.measure

    def without_memory(design: str, *rest: Any) -> device.DeviceRow:
        if design == "torch.func":
            raise RuntimeError("out of memory\nwith details")
        return measure(design, *rest)

    monkeypatch.setattr(device, "CASES", SMALL)
    monkeypatch.setattr(device, "ceilings", lambda _: device.Ceilings(1e12, 1e12))
    monkeypatch.setattr(device, "measure", without_memory)
    wanted = Wanted("cpu", ["a"], ["sgd"], None, ["2"], 0.01)
    with pytest.raises(typer.Exit) as ended:
        speed_on_device(wanted, False)
    shown = capsys.readouterr()
    assert ended.value.exit_code == 1
    assert "failed: torch.func case a, sgd, network, 2 members: out of memory\n" in shown.err
    assert "analytic" in shown.out
