"""How finely the scores of a report are resolved."""

from dataclasses import replace

import numpy as np
import pytest

from bench.describing.model import TaskDescription
from reports.data.model import ReportData


def with_scores(data: ReportData, scores: np.ndarray | float, **examples: int) -> ReportData:
    """All scores of a report, with the sizes of test splits that are known by task."""
    rows = data.rows.assign(accuracy=scores, accuracy_selected=scores, balanced_accuracy=scores)
    described = [
        TaskDescription(
            task=task, family=task, about="", source="", licence="", train_sizes=(90, 90),
            examples={"train": 90, "test": size}, classes=(), inputs=2,
        )
        for task, size in examples.items()
    ]  # fmt: skip
    return replace(data, rows=rows, descriptions=tuple(described))


def test_a_stored_test_size_is_believed_where_scores_tell_nothing(small: ReportData) -> None:
    perfect = with_scores(small, 1.0, moons=18).scores
    assert perfect.resolution("moons", "accuracy") == pytest.approx(1 / 18)
    assert perfect.resolution("moons", "balanced_accuracy") == pytest.approx(1 / 18)
    assert perfect.resolution("rings", "accuracy") is None


def test_a_stored_test_size_goes_before_a_coarser_grid(small: ReportData) -> None:
    """Halves of 18 examples are halves of 2 as well."""
    halves = np.where(np.arange(len(small.rows)) % 2, 0.5, 1.0)
    assert with_scores(small, halves).scores.resolution("moons", "accuracy") == 0.5
    known = with_scores(small, halves, moons=18).scores
    assert known.resolution("moons", "accuracy") == pytest.approx(1 / 18)


def test_scores_that_no_such_split_can_give_are_believed_instead(small: ReportData) -> None:
    thirds = np.where(np.arange(len(small.rows)) % 2, 1 / 3, 1.0)
    known = with_scores(small, thirds, moons=20).scores
    assert known.resolution("moons", "accuracy") == pytest.approx(1 / 3)


def test_the_size_says_nothing_of_what_is_no_share(small: ReportData) -> None:
    data = with_scores(small, 1.0, moons=18)
    plain = with_scores(small, 1.0)
    for metric in ("nll", "steps_to_ce"):
        assert data.scores.resolution("moons", metric) == plain.scores.resolution("moons", metric)
