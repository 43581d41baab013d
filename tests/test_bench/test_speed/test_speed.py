"""The speed benchmark on small learners: what is compared is the same, and the numbers fit."""

import importlib.util
from dataclasses import replace

import numpy as np
import pytest
import torch

from bench.speed import cases as speed_cases
from bench.speed.cases import CASES, LENET, Case, Workload, flops, workload
from bench.speed.compare import DESIGNS, break_even, difference
from bench.speed.designs import DesignUnavailable, programs
from bench.speed.resources import worker_rows
from mln.losses.adaptive import AdaptiveLoss

SMALL = {
    "a": replace(CASES["a"], members=3, batch_size=8, steps=12),
    "b": replace(CASES["b"], members=2, batch_size=8, steps=6),
    "state_s": replace(CASES["state_s"], members=3, batch_size=8, steps=12),
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
    except DesignUnavailable as reason:
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
        weights = programs("vmap", other)["vmap"]().run()
        assert "differ from naive's" in str(difference(case, "sgd", weights, expected))
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


def test_losses_that_follow_the_state_are_timed_with_every_exponent_at_work() -> None:
    for name in ("state_b", "state_b32", "state_s"):
        work = workload(CASES[name], "adam")
        losses = AdaptiveLoss(work.loss, torch.from_numpy(work.genomes), work.problem.classes)
        assert all((exponent > 0).all() for exponent in losses.exponents()), name
        assert {"fused", "analytic"} <= {d for d in DESIGNS if _can(d, work)}
        assert not _can("vmap", work)


def _can(design: str, work: Workload) -> bool:
    try:
        return bool(programs(design, work))
    except DesignUnavailable:
        return False
