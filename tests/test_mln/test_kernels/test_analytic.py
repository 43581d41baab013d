"""The analytic kernel against autograd, and its bits against the chunking."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_mln.helpers import LOSS_KINDS, members_of, same_bits, small_problem, some_losses

from mln.config import LearnerSpec, TrainingSpec
from mln.kernels import analytic, reference
from mln.rollout import Members, RolloutOptions


@given(
    hidden=st.lists(st.integers(1, 9), max_size=3),
    shape=st.tuples(st.integers(1, 9), st.integers(2, 6)),
    batch=st.integers(1, 9),
    optimizer=st.sampled_from(["adam", "sgd"]),
    kind=st.sampled_from(LOSS_KINDS),
    count=st.integers(1, 7),
)
@settings(max_examples=80, deadline=None)
def test_analytic_agrees_with_autograd(
    hidden: list[int], shape: tuple[int, int], batch: int, optimizer: str, kind: str, count: int
) -> None:
    features, classes = shape
    problem = small_problem(
        learner=LearnerSpec(hidden=tuple(hidden)),
        training=TrainingSpec(steps=6, batch_size=batch, optimizer=optimizer),  # type: ignore[arg-type]
        features=features,
        classes=classes,
    )
    members = members_of(problem, count)
    losses = some_losses(kind, count, classes, torch.float64)
    results = [
        kernel.rollout(problem, members, losses, [3, 6], RolloutOptions(dtype=torch.float64))
        for kernel in (analytic, reference)
    ]
    for name in results[0].scores:
        ours, theirs = (result.scores[name] for result in results)
        np.testing.assert_allclose(ours.nll, theirs.nll, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(ours.accuracy, theirs.accuracy)


@given(
    hidden=st.lists(st.integers(1, 40), max_size=2),
    kind=st.sampled_from(LOSS_KINDS),
    count=st.integers(1, 9),
    chunk=st.integers(1, 9),
    batch=st.integers(1, 17),
)
@settings(max_examples=80, deadline=None)
def test_bits_do_not_depend_on_the_chunking(
    hidden: list[int], kind: str, count: int, chunk: int, batch: int
) -> None:
    problem = small_problem(
        learner=LearnerSpec(hidden=tuple(hidden)),
        training=TrainingSpec(steps=8, batch_size=batch),
    )
    members = members_of(problem, count)
    losses = some_losses(kind, count, problem.classes)
    whole = analytic.rollout(problem, members, losses, [4, 8], RolloutOptions(chunk=64))
    options = RolloutOptions(chunk=chunk)
    assert same_bits(whole, analytic.rollout(problem, members, losses, [4, 8], options))
    order = np.random.default_rng(5).permutation(count)
    shuffled = analytic.rollout(
        problem,
        Members(members.slot[order], members.lr[order]),
        losses.take(torch.from_numpy(order)),
        [4, 8],
        options,
    )
    back = np.argsort(order)
    assert np.array_equal(shuffled.scores["outer_valid"].nll[back], whole.scores["outer_valid"].nll)


def test_bits_do_not_depend_on_the_chunking_where_torch_has_two_threads() -> None:
    problem = small_problem(
        learner=LearnerSpec(hidden=(32, 32)), training=TrainingSpec(steps=30, batch_size=16)
    )
    members = members_of(problem, 60)
    losses = some_losses("mln", 60, problem.classes)
    torch.set_num_threads(2)
    try:
        whole, parts = (
            analytic.rollout(problem, members, losses, [30], RolloutOptions(chunk=c))
            for c in (64, 3)
        )
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert same_bits(whole, parts)


def test_a_diverged_member_is_found_and_changes_no_other() -> None:
    problem = small_problem(training=TrainingSpec(steps=40, batch_size=8, optimizer="sgd"))
    calm = Members(np.array([0, 1, 2]), np.array([0.01, 0.01, 0.01]))
    wild = Members(calm.slot, np.array([0.01, 1e30, 0.01]))
    losses = some_losses("mse", 3, problem.classes)
    a = analytic.rollout(problem, calm, losses, [20, 40])
    b = analytic.rollout(problem, wild, losses, [20, 40])
    assert a.diverged_at.tolist() == [-1, -1, -1]
    assert b.diverged_at[1] > 0
    assert b.diverged_at[[0, 2]].tolist() == [-1, -1]
    for scores_a, scores_b in zip(a.scores.values(), b.scores.values(), strict=True):
        assert np.array_equal(scores_a.nll[[0, 2]], scores_b.nll[[0, 2]])
        assert np.isnan(scores_b.accuracy[1]).all()
