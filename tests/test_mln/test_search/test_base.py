"""Weights by rank."""

import numpy as np
import pytest

from mln.search.base import by_rank, centred_ranks


def test_centred_ranks() -> None:
    assert centred_ranks(np.array([3.0, 1.0, 2.0])).tolist() == [0.5, -0.5, 0.0]
    assert centred_ranks(np.array([1.0, 1.0, 5.0])).tolist() == [-0.25, -0.25, 0.5]
    assert centred_ranks(np.zeros(4)).tolist() == [0.0] * 4


def test_weights_by_rank_share_ties() -> None:
    weights = np.array([0.6, 0.3, 0.1])
    assert by_rank(weights, np.array([1.0, 3.0, 2.0])).tolist() == pytest.approx([0.1, 0.6, 0.3])
    assert by_rank(weights, np.array([2.0, 2.0, 1.0])).tolist() == pytest.approx([0.45, 0.45, 0.1])
