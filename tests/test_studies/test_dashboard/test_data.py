"""The numbers that the note and the figures share."""

import pytest

from studies.dashboard.data import seed_means
from studies.dashboard.note import spread_of_seeds


def row(slot, seed, gain, tasks):
    return {"slot": slot, "seed": seed, "gain": gain, "tasks": tasks}


def test_families_count_by_their_tasks_and_seeds_alike():
    rows = [row(0, 0, 0.1, 3), row(0, 0, 0.5, 1), row(0, 1, 0.4, 4), row(2, 0, 0.3, 4)]
    assert seed_means(rows) == {
        0: {0: pytest.approx(0.2), 1: pytest.approx(0.4)},
        2: {0: pytest.approx(0.3)},
    }
    mean, half, seeds = spread_of_seeds(rows)[0]
    assert (mean, seeds) == (pytest.approx(0.3), 2)
    # Student (1908): t of one degree of freedom at 97.5 % is 12.7062; the standard error is 0.1.
    assert half == pytest.approx(1.27062, rel=1e-4)
    assert spread_of_seeds(rows)[2][1:] == (None, 1)
