"""Examples as rows of one table that many tasks and processes share."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.random import SeedSequence
from test_mln.helpers import some_losses

from mln.config import LearnerSpec, TrainingSpec
from mln.examples import Examples, map_table
from mln.kernels import analytic, reference
from mln.problem import make_problem
from mln.rollout import Members
from mln.task import Split, Task

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
