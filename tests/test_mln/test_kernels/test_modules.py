"""Modules with buffers and randomness: as in torch, paired, and no trace of an evaluation."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_mln.helpers import small_problem, some_losses
from test_mln.test_kernels.test_repeated import as_on_a_device
from torch import nn
from torch.nn.functional import cross_entropy

from mln.config import LearnerSpec, TrainingSpec
from mln.kernels import reference
from mln.kernels.draws import Moment, OwnDropout, uniform
from mln.kernels.modules import DEVICE_MODULES, Modules
from mln.learners import build_module
from mln.problem import Problem
from mln.rollout import Members, RolloutOptions, RolloutResult

KEEP = RolloutOptions(keep_weights=True, dtype=torch.float64)
SGD = TrainingSpec(12, 9, optimizer="sgd", weight_decay=0.01, nesterov=True)  # 9: never padded


def problem_of(factory: str, training: TrainingSpec = SGD) -> Problem:
    learner = LearnerSpec((), "module", module=f"test_mln.modules:{factory}")
    return small_problem(2, learner, training, features=3)


def trained(
    problem: Problem, losses: tuple[str, ...], slots: list[int], points: tuple[int, ...] = (12,)
) -> list[RolloutResult]:
    members = Members(np.array(slots), np.full(len(slots), 0.1))
    return [
        reference.rollout(
            problem, members, some_losses(loss, len(slots), 3, torch.float64), points, KEEP
        )
        for loss in losses
    ]


def after_one_step(factory: str, losses: tuple[str, ...], slots: list[int]) -> list[np.ndarray]:
    """The buffers that one step leaves, which tell what the masks were."""
    problem = problem_of(factory, replace(SGD, steps=1))
    buffered = Modules(problem, "cpu", torch.float64).buffered
    found = [result.weights for result in trained(problem, losses, slots, (1,))]
    return [weights[:, -buffered:] for weights in found if weights is not None]


def test_batch_norm_trains_and_evaluates_as_torchs_own() -> None:
    problem = problem_of("batch_normed")
    (ours,) = trained(problem, ("ce",), [1])
    module = build_module(problem.learner, 3, 3).double()
    start = torch.from_numpy(problem.initial[1]).double()
    parameters = sum(part.numel() for part in module.parameters())
    nn.utils.vector_to_parameters(start[:parameters], module.parameters())
    optimizer = torch.optim.SGD(module.parameters(), 0.1, 0.9, weight_decay=0.01, nesterov=True)
    pool = torch.from_numpy(problem.pool).double()
    for rows, y in zip(problem.batch_index[1], problem.batch_y[1], strict=True):
        optimizer.zero_grad()
        cross_entropy(module(pool[torch.from_numpy(rows)]), torch.from_numpy(y)).backward()
        optimizer.step()
    buffers = [part.double().flatten() for part in module.buffers()]
    theirs = torch.cat([nn.utils.parameters_to_vector(module.parameters()), *buffers]).detach()
    assert ours.weights is not None
    np.testing.assert_allclose(ours.weights[0], theirs.numpy(), rtol=1e-5, atol=1e-6)
    held_out = problem.phase("outer_valid", 12)
    z = module.eval()(pool[torch.from_numpy(held_out.rows[1])])
    nll = cross_entropy(z, torch.from_numpy(held_out.y[1])).item()
    assert ours.scores["outer_valid"].nll[0, 0] == pytest.approx(nll, rel=1e-6)


@pytest.mark.parametrize("factory", ["normed", "Noisy"])
def test_no_neighbour_and_no_evaluation_changes_a_learner(factory: str) -> None:
    problem = problem_of(factory)
    (together,) = trained(problem, ("ce",), [0, 1, 1, 0], (3, 7, 12))
    (alone,) = trained(problem, ("ce",), [1])
    assert together.weights is not None
    assert alone.weights is not None
    np.testing.assert_array_equal(together.weights[1], alone.weights[0])
    np.testing.assert_array_equal(together.weights[1], together.weights[2])
    assert not np.array_equal(together.weights[0], together.weights[1])


def test_paired_losses_see_the_same_masks_and_other_slots_others() -> None:
    network = Modules(problem_of("normed"), "cpu", torch.float64)
    weights = torch.from_numpy(problem_of("normed").initial[:1]).double()
    x = torch.randn(1, 3, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(1))

    def at(key: int, step: int) -> torch.Tensor:
        return network.trained(weights, x, Moment(torch.tensor([key]), step))[0]

    assert torch.equal(at(5, 2), at(5, 2))
    assert not torch.equal(at(5, 2), at(6, 2))
    assert not torch.equal(at(5, 2), at(5, 3))


def test_noise_of_torchs_generator_is_paired_too_and_leaves_the_generator_as_it_was() -> None:
    before = torch.get_rng_state()
    problem = problem_of("Noisy")
    first, second = trained(problem, ("ce", "ce"), [0, 1])
    assert first.weights is not None
    np.testing.assert_array_equal(first.weights, second.weights)
    assert torch.equal(before, torch.get_rng_state())
    assert first.weights[0, -1] == 12, "a buffer that was replaced is kept"


def test_the_buffers_after_a_step_do_not_depend_on_the_loss() -> None:
    ce, gce = after_one_step("normed", ("ce", "gce"), [0, 1])
    np.testing.assert_array_equal(ce, gce)
    assert not np.array_equal(ce[0], ce[1])


def test_members_as_one_are_members_one_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    problem, slots = problem_of("normed"), [0, 1, 1]
    (alone,) = trained(problem, ("adaptive",), slots, (5, 12))
    monkeypatch.setattr(
        reference, "network_of", lambda *given: Modules(*given, together=len(slots))
    )
    (together,) = trained(problem, ("adaptive",), slots, (5, 12))
    assert alone.weights is not None
    assert together.weights is not None
    np.testing.assert_allclose(together.weights, alone.weights, rtol=1e-5, atol=1e-6)
    for ours, theirs in zip(
        together.scores["outer_valid"], alone.scores["outer_valid"], strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize(
    ("factory", "members"),
    [("normed", DEVICE_MODULES), ("Branching", 1), ("Noisy", 1), ("batch_normed", 1)],
)
def test_what_vmap_cannot_do_goes_one_after_another(
    factory: str, members: int, caplog: pytest.LogCaptureFixture
) -> None:
    network = Modules(problem_of(factory), "cpu", torch.float32)
    assert network._vectorised("cpu", torch.float32) == members
    assert ("one after another" in caplog.text) == (members == 1)


@pytest.mark.parametrize(
    ("drop", "shape", "alike"),
    [
        (nn.Dropout(0.25), (40, 30, 4), ()),
        (nn.Dropout1d(0.25), (60, 50, 4), (2,)),
        (nn.Dropout2d(0.25), (60, 50, 3, 4), (2, 3)),
        (nn.Dropout3d(0.25), (60, 50, 2, 3, 4), (2, 3, 4)),
        (nn.Dropout1d(0.25), (2000, 4), (1,)),
        (nn.Dropout(0.25, inplace=True), (40, 30, 4), ()),
    ],
)
def test_a_dropout_drops_its_share_and_scales_the_rest(
    drop: nn.Module, shape: tuple[int, ...], alike: tuple[int, ...]
) -> None:
    with OwnDropout(torch.tensor(7)):
        first, second = drop(torch.ones(shape)), drop(torch.ones(shape))
    assert first.unique().tolist() == pytest.approx([0, 4 / 3])
    assert (first == 0).float().mean().item() == pytest.approx(0.25, abs=0.04)
    if alike:
        assert torch.equal(first.amax(alike), first.amin(alike))
    assert not torch.equal(first, second), "each call draws anew"
    x = torch.ones(5)
    with OwnDropout(torch.tensor(7)):
        assert drop.eval()(x) is x
    assert not nn.functional.dropout(x, 1.0).any()


def test_the_numbers_are_uniform_and_unrelated() -> None:
    numbers = torch.stack(
        [
            uniform(key, place, 20_000)
            for key in Moment(torch.tensor([1, 2]), 0).step_keys()
            for place in (0, 1)
        ]
    )
    assert numbers.min() >= 0
    assert numbers.max() < 1
    counts = torch.stack([row.histc(10, 0, 1) for row in numbers])
    assert (counts - 2000).abs().max() < 5 * 2000**0.5
    assert (torch.corrcoef(numbers) - torch.eye(4)).abs().max() < 0.04


def test_a_buffer_that_float32_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="buffer 'places'"):
        problem_of("Counting")


def test_the_steps_of_a_device_draw_and_keep_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = problem_of("normed")
    (here,) = trained(problem, ("ce",), [0, 1], (5, 12))
    monkeypatch.setattr(reference, "_train_on_cpu", as_on_a_device(reference))
    (there,) = trained(problem, ("ce",), [0, 1], (5, 12))
    np.testing.assert_array_equal(here.weights, there.weights)
