"""The tasks that losses are judged on."""

import numpy as np

from studies.judging import frozen_draws
from studies.seeds import Use


def test_frozen_tasks_alternate_and_have_no_test_split():
    draws = frozen_draws(3, ("blobs_2", "circles"), 4, Use.JUDGE_SCREEN)
    assert [draw.task.name for draw in draws] == ["blobs_2", "circles"] * 2
    assert all(draw.task.test is None for draw in draws)
    other = frozen_draws(3, ("blobs_2", "circles"), 4, Use.JUDGE_CONFIRM)
    assert not np.array_equal(other[1].task.train.x, draws[1].task.train.x)
