"""The speed benchmark on small learners: what is compared is the same, and the numbers fit."""

import importlib.util
import json
import sys
from dataclasses import replace

import numpy as np
import pytest

from bench.cli import app as cli
from bench.speed import cases as speed_cases
from bench.speed.cases import CASES, LENET, Case, flops, workload
from bench.speed.compare import DESIGNS, break_even, difference
from bench.speed.designs import Unavailable, programs
from bench.speed.resources import worker_rows

SMALL = {
    "a": replace(CASES["a"], members=3, batch_size=8, steps=12),
    "b": replace(CASES["b"], members=2, batch_size=8, steps=6),
    "d": replace(
        CASES["d"],
        learner=replace(LENET, channels=(2, 3), hidden=(9,)),
        members=2,
        batch_size=4,
        steps=3,
    ),
}


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("letter", list(SMALL))
@pytest.mark.parametrize("design", DESIGNS)
def test_every_design_trains_the_learners_of_the_naive_loop(
    design: str, letter: str, optimizer: str
) -> None:
    case = SMALL[letter]
    if design == "jax" and importlib.util.find_spec("jax") is None:
        pytest.skip("jax is not installed")
    work = workload(case, optimizer)
    (naive,) = programs("naive", work).values()
    try:
        variants = programs(design, work)
    except Unavailable as reason:
        pytest.skip(f"{design}: {reason}")
    expected = naive().run()
    for name in [*variants][::4]:  # of jax one of each kind: compiling takes a second or more
        assert difference(case, optimizer, variants[name]().run(), expected) is None, name


def test_another_optimiser_or_loss_is_noticed() -> None:
    case = SMALL["a"]
    work = workload(case, "sgd")
    expected = programs("naive", work)["naive"]().run()
    training = replace(work.problem.training, momentum=0.8)
    others = (
        work._replace(problem=replace(work.problem, training=training)),
        work._replace(genomes=work.genomes[::-1].copy()),
        work._replace(members=work.members._replace(lr=work.members.lr * 1.1)),
    )
    for other in others:
        found = programs("vmap", other)["vmap"]().run()
        assert "differ from naive's" in str(difference(case, "sgd", found, expected))
    assert difference(case, "sgd", np.full_like(expected, np.nan), expected) is not None


def test_operations_of_a_member_step_count_products_forward_and_backward() -> None:
    mlp = workload(CASES["b"], "sgd").problem
    # x W: 64 x 64 and 64 x 10 numbers per example; no gradient of the first layer's inputs.
    assert flops(mlp) == 2 * 64 * (3 * (64 * 64 + 64 * 10) - 64 * 64)
    lenet = workload(replace(CASES["d"], steps=1), "sgd").problem
    products = (24 * 24 * 25 * 6, 8 * 8 * 150 * 16, 256 * 120, 120 * 84, 84 * 10)
    assert flops(lenet) == 2 * 64 * (3 * sum(products) - products[0])


def test_pictures_are_enlarged_digits_in_a_frame() -> None:
    problem = workload(SMALL["d"], "sgd").problem
    small = workload(SMALL["b"], "sgd").problem
    assert problem.image == (1, 28, 28)
    pictures = speed_cases.inputs(problem).reshape(-1, 28, 28)
    digits = speed_cases.inputs(small).reshape(-1, 8, 8)
    assert np.array_equal(pictures[:, 3:27:3, 3:27:3], digits)
    assert (pictures[:, :2] == digits.min()).all()


def test_break_even_is_where_both_take_as_long() -> None:
    steps = break_even(3.0, 300.0, 100.0)
    assert steps is not None
    assert 3.0 + steps / 300 == pytest.approx(steps / 100)
    assert break_even(3.0, 100.0, 300.0) is None
    assert break_even(None, 300.0, 100.0) is None


@pytest.mark.slow
def test_two_workers_do_the_work_of_one() -> None:
    case: Case = replace(SMALL["a"], members=2, steps=2)
    (row,) = worker_rows({"a": case}, 2, 1, 0.005)
    one, both = row["one_worker_member_steps_per_s"], row["member_steps_per_s"]
    assert isinstance(one, float)
    assert isinstance(both, float)
    assert row["ratio"] == pytest.approx(both / one)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--cases", "ax"], "--cases: 'x' is unknown; valid are: a, b, c, d"),
        (["--optimizers", "adan"], "--optimizers: 'adan' is unknown; did you mean 'adam'?"),
        (["--designs", "vmapp"], "--designs: 'vmapp' is unknown; did you mean 'vmap'?"),
        (["--designs", ","], "must each name something"),
        (["--repeats", "0"], "--repeats"),
        (["--seconds", "nan"], "--seconds"),
        (["--workers", "2", "--memory"], "give one of them"),
    ],
)
def test_bad_options_get_one_line(
    words: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["mln-bench", "speed", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    captured = capsys.readouterr()
    assert ended.value.code == 2
    (line,) = captured.err.splitlines()
    assert message in line
    assert captured.out == ""


def test_json_has_the_promised_keys_and_ratios_of_its_rates(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(speed_cases, "CASES", SMALL)
    words = ["--cases=ad", "--designs=analytic", "--quick", "--seconds=0.01", "--json"]
    monkeypatch.setattr(sys, "argv", ["mln-bench", "speed", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    captured = capsys.readouterr()
    assert "left out: analytic, case d, sgd: " in captured.err
    rows = json.loads(captured.out)
    found = {(row["case"], row["design"]): row for row in rows}
    assert list(found) == [("a", "naive"), ("a", "analytic"), ("d", "naive")]
    for (letter, _), row in found.items():
        rate = row["member_steps_per_s"]
        naive = found[letter, "naive"]["member_steps_per_s"]
        assert row["optimizer"] == "sgd"
        assert row["ratio_to_naive"] == pytest.approx(rate / naive)
        assert row["ratio_to_jax"] is None
        assert row["slowest"] <= rate <= row["fastest"]
        used = rate * flops(workload(SMALL[letter], "sgd").problem)
        assert row["share_of_peak"] == pytest.approx(used / row["sgemm_gflops"] / 1e9)
