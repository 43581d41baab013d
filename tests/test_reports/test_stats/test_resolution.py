"""The steps in which scores move, and what they say about equivalence."""

import numpy as np
import pytest
from scipy import stats as scipy_stats

from reports import stats
from reports.stats.crossed import crossed


@pytest.mark.parametrize("decimals", [17, 4, 3])
@pytest.mark.parametrize("n", [18, 36, 150])
def test_shares_show_how_many_examples_they_are_of(n, decimals):
    counts = np.random.default_rng(1).integers(n // 2, n + 1, 60)
    scores = np.round(counts / n, decimals)
    assert stats.resolution_of(scores) == pytest.approx(1 / n)
    assert stats.resolution_of(100 * scores) == pytest.approx(100 / n)
    assert stats.resolution_of(np.float32(scores)) == pytest.approx(1 / n)


def test_what_is_rounded_is_as_coarse_as_its_rounding():
    scores = np.round(np.random.default_rng(2).uniform(0.8, 0.9, 200), 2)
    assert stats.resolution_of(scores) == pytest.approx(0.01)


def test_folds_may_have_unlike_sizes():
    rng = np.random.default_rng(3)
    sizes = np.repeat([30, 30, 29, 29, 29], 12)
    scores = rng.integers(20, 30, sizes.size) / sizes
    folds = np.repeat(range(5), 12).tolist()
    assert stats.resolution_of(scores, folds) == pytest.approx(1 / 30)


@pytest.mark.parametrize(
    "scores", [[], [0.0, 1.0, 1.0], [np.nan], np.random.default_rng(4).uniform(size=50)]
)
def test_no_step_is_seen_where_there_is_none(scores):
    assert stats.resolution_of(scores) is None


def test_training_steps_are_multiples_of_one_unit():
    assert stats.resolution_of([25.0, 500.0, 75.0], are_shares=False) == 25.0
    assert stats.resolution_of([0.3, 0.3, 0.3], are_shares=False) is None
    noise = np.random.default_rng(5).uniform(0.1, 3, 40)
    assert stats.resolution_of(noise, are_shares=False) is None


def test_the_least_spread_is_that_of_a_difference_as_large_as_the_region():
    """A loss that is right where the other errs, each example of 50 with probability .02."""
    drawn = np.random.default_rng(6).binomial(50, 0.02, 200_000) / 50
    assert stats.least_sd(1 / 50, 0.02) == pytest.approx(drawn.std(), rel=0.02)
    assert stats.least_sd(1 / 50) == pytest.approx(1 / 50 / 6**0.5)
    assert stats.least_sd(None, 0.02) == 0


def test_rounded_scores_differ_by_their_rounding_errors():
    a, b = np.random.default_rng(7).uniform(10, 11, (2, 200_000))
    errors = (np.rint(20 * a) - np.rint(20 * b)) / 20 - (a - b)
    assert stats.least_sd(1 / 20) == pytest.approx(errors.std(), rel=0.02)


def test_few_alike_pairs_of_coarse_scores_are_not_equivalent():
    same = np.zeros(10)
    assert stats.equivalence(same, 0.005, 1 / 18) > 0.3
    assert stats.equivalence(same, 0.005, 1 / 10_000) < 1e-6
    assert stats.equivalence(same, 0.005) == 1  # nothing says how far they could have spread
    pairs = stats.pairs_for_equivalence(1 / 18, 0.005)
    assert stats.equivalence(np.zeros(pairs), 0.005, 1 / 18) < 0.05
    assert stats.equivalence(np.zeros(pairs - 1), 0.005, 1 / 18) >= 0.05
    assert stats.pairs_for_equivalence(1 / 18, 0.0) is None


def test_what_spreads_more_is_tested_as_ever():
    d = np.random.default_rng(8).normal(0.001, 0.01, 12)
    t = (abs(d.mean()) + 1e-4 / 24 - 0.01) / (d.std(ddof=1) / 12**0.5)
    assert stats.equivalence(d, 0.01, 1e-4) == pytest.approx(scipy_stats.t.cdf(t, 11))


def test_runs_that_all_equal_their_baseline_are_not_equivalent_on_few_examples():
    coarse = crossed(np.zeros((8, 10)), resolution=1 / 18)
    assert coarse.equivalence(0.005) > 0.3
    assert coarse.low < 0 < coarse.high
    assert crossed(np.zeros((8, 10)), resolution=1e-4).equivalence(0.005) < 0.001
    assert crossed(np.zeros((8, 10))).equivalence(0.005) == 1


@pytest.mark.parametrize(
    ("scores", "examples", "fits"),
    [
        ([1.0, 1.0, np.nan], 36, True),
        ([0.5, 1 / 36, 0.0], 36, True),
        (np.float32([1 / 3, 0.1]), 30, True),
        ([1 / 3, 0.1], 31, False),
        ([97.0, 50.0], 100, False),
        ([-0.5], 2, False),
    ],
)
def test_shares_of_a_known_number_of_examples(scores, examples: int, fits: bool) -> None:
    assert stats.are_shares_of(scores, examples) is fits
