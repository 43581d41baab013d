"""Problems: shared tables, drifting tasks, and what a learner measures on them."""

import pickle
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.random import SeedSequence
from sklearn.metrics import balanced_accuracy_score
from test_mln.helpers import linear_task, some_losses

from mln.config import LearnerSpec, TrainingSpec
from mln.drift import Timing, label_cycle
from mln.examples import Examples, map_table
from mln.kernels import analytic, reference
from mln.measures import measure
from mln.problem import make_problem
from mln.rollout import LOGITS, WEIGHTS, Members
from mln.task import Drift, Split, Task

TRAINING = TrainingSpec(steps=40, batch_size=8)


def bytes_task(folder: Path, seed: int) -> Task:
    """Rows of one memory-mapped table of bytes."""
    file = folder / "table.bin"
    if not file.exists():
        np.random.default_rng(0).integers(256, size=(200, 6), dtype=np.uint8).tofile(file)
    table = map_table(file, "uint8", 0, (200, 6))
    scale, shift = np.full(6, 1 / 128, np.float32), np.full(1, -1, np.float32)
    order = np.random.default_rng(seed).permutation(200)
    y = np.asarray(table[order, 0] > 127).astype(np.int64)

    def split(a: int, b: int) -> Split:
        return Split(Examples(table, order[a:b], scale, shift), y[a:b])

    return Task("bytes", 6, 2, split(0, 80), split(80, 120), split(120, 200))


def test_a_mapped_table_crosses_processes_by_name_and_is_mapped_once(tmp_path: Path) -> None:
    split = bytes_task(tmp_path, 1).train
    message = pickle.dumps(split)
    assert len(message) < 80 * 8 * 2 + 1000
    again = pickle.loads(message)
    other = pickle.loads(pickle.dumps(bytes_task(tmp_path, 2).train))
    assert again.x.same_table(other.x)
    assert np.array_equal(np.asarray(again.x), np.asarray(split.x))
    assert np.asarray(split.x).dtype == np.float32
    own = Examples(np.arange(12.0, dtype=np.float32).reshape(6, 2), np.array([4, 1, 4]))
    assert np.array_equal(np.asarray(pickle.loads(pickle.dumps(own))), np.asarray(own))


def test_a_table_of_bytes_trains_as_its_numbers_and_is_not_copied(tmp_path: Path) -> None:
    tasks = [bytes_task(tmp_path, 1)] * 2
    seeds = [SeedSequence(1), SeedSequence(2)]
    learner = LearnerSpec(hidden=(5,))
    shared = make_problem(tasks, seeds, learner, TRAINING, ("outer_valid",))
    assert shared.pool is tasks[0].train.x.table  # type: ignore[union-attr]
    plain = [
        replace(
            task,
            train=Split(np.asarray(task.train.x), task.train.y),
            outer_valid=Split(np.asarray(task.outer_valid.x), task.outer_valid.y),
        )
        for task in tasks
    ]
    copied = make_problem(plain, seeds, learner, TRAINING, ("outer_valid",))
    members = Members(np.array([0, 1]), np.full(2, 0.01))
    for kernel in (analytic.rollout, reference.rollout):
        a, b = (
            kernel(problem, members, some_losses("ce", 2, 2), [20, 40])
            for problem in (shared, copied)
        )
        assert np.array_equal(a.scores["outer_valid"].nll, b.scores["outer_valid"].nll)


def test_a_gradual_drift_turns_minibatches_and_evaluations_step_by_step() -> None:
    seed = SeedSequence(4)
    task = label_cycle(linear_task(seed, train=200), 0.25, np.random.default_rng(1))
    assert task.drift is not None
    task = replace(task, drift=replace(task.drift, width=0.5))
    training = TrainingSpec(steps=400, batch_size=16)
    problem = make_problem([task], [seed], LearnerSpec(), training, ("outer_valid",))
    order = problem.batch_index[0]
    changed = problem.batch_y[0] != task.train.y[order]
    assert not changed[:100].any()
    assert changed[300:].all()
    share = changed.reshape(8, 50, 16).mean((1, 2))
    assert (np.diff(share[1:7]) > 0).all()
    np.testing.assert_allclose(share[2:6], [0.125, 0.375, 0.625, 0.875], atol=0.06)
    moved = [
        (problem.phase("outer_valid", step).y[0, :50] != task.outer_valid.y).mean()
        for step in (0, 100, 101, 200, 301, 400)
    ]
    assert moved[0] == moved[1] == 0.0
    assert 0 < moved[2] < moved[3] < 1
    assert moved[4] == moved[5] == 1.0


def test_a_drift_may_bring_new_examples() -> None:
    seed = SeedSequence(4)
    task, other = linear_task(seed, train=60), linear_task(SeedSequence(5), train=60)
    task = replace(task, drift=Drift(0.5, 0.0, other))
    problem = make_problem([task], [seed], LearnerSpec(), TRAINING, ("outer_valid",))
    x = problem.pool[problem.batch_index[0]]
    old, new = np.asarray(task.train.x), np.asarray(other.train.x)
    assert np.isin(x[:20], old).all()
    assert np.isin(x[20:], new).all()
    assert np.array_equal(
        problem.pool[problem.phase("outer_valid", 40).rows[0]], other.outer_valid.x
    )


@pytest.mark.parametrize(("start", "width"), [(0.0, 0.0), (0.5, 0.0), (0.999, 0.0), (0.9, 0.9)])
def test_a_drift_leaves_at_least_one_step_on_each_side(start: float, width: float) -> None:
    timing = Timing(start, width, 10)
    shares = timing.share(np.arange(10))
    assert shares[0] == 0
    assert shares[-1] == 1
    assert timing.phases()[-1] == (timing.last, 1.0)


def test_why_a_member_diverged() -> None:
    task = linear_task(SeedSequence(1))
    training = TrainingSpec(steps=30, batch_size=8, optimizer="sgd")
    problem = make_problem([task], [SeedSequence(1)], LearnerSpec(), training, ("outer_valid",))
    members = Members(np.zeros(3, np.int64), np.array([0.01, 1e30, 0.01]))
    found = analytic.rollout(problem, members, some_losses("ce", 3, 3), [30])
    assert found.reasons == ["", LOGITS, ""]
    once = replace(problem, training=replace(training, steps=1))
    last = analytic.rollout(
        once, members._replace(lr=np.array([0.01, 0.01, 3e38])), some_losses("mse", 3, 3), [1]
    )
    assert last.diverged_at.tolist()[:2] == [-1, -1]
    lost = analytic.rollout(
        once, members._replace(lr=np.array([0.01, np.inf, 0.01])), some_losses("ce", 3, 3), [1]
    )
    assert lost.reasons == ["", WEIGHTS, ""]
    assert lost.diverged_at.tolist() == [-1, 1, -1]


def test_measures_against_their_definitions() -> None:
    rng = np.random.default_rng(0)
    z, labels = torch.from_numpy(2 * rng.standard_normal((2, 4, 96))), rng.integers(4, size=(2, 96))
    labels[0][labels[0] == 3] = 0  # a class that does not occur
    padded = torch.from_numpy(labels.copy())
    padded[:, 90:] = -1
    accuracy, nll, balanced, ece = (score.numpy() for score in measure(z, padded))
    for row in range(2):
        y, p = labels[row, :90], z[row, :, :90].softmax(0).numpy()
        chosen, confidence = p.argmax(0), p.max(0)
        assert accuracy[row] == pytest.approx((chosen == y).mean())
        assert nll[row] == pytest.approx(-np.log(p[y, np.arange(90)]).mean())
        with pytest.warns(UserWarning, match="not in y_true") if row == 0 else nullcontext():
            assert balanced[row] == pytest.approx(balanced_accuracy_score(y, chosen))
        bins = np.ceil(confidence * 15)
        expected = sum(
            (bins == b).mean() * abs((chosen == y)[bins == b].mean() - confidence[bins == b].mean())
            for b in np.unique(bins)
        )
        assert ece[row] == pytest.approx(expected)
    z[1, 0, 0] = torch.nan
    assert np.isnan([score[1] for score in measure(z, padded)]).all()
