"""Statistics over several losses and tasks, against published values."""

import numpy as np
import pytest

from reports import stats
from reports.stats import aggregate, ranks

DEMSAR = np.array(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.0, 1.0, 1.0, 1.0],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.975, 0.975],
        [0.957, 0.978, 0.946, 0.970],
    ]
)


def test_demsar_2006_table_6():
    assert ranks.mean_ranks(DEMSAR) == pytest.approx([3.143, 2.000, 2.929, 1.929], abs=5e-4)
    result = ranks.friedman(DEMSAR)
    assert result.chi2 == pytest.approx(10.952, abs=5e-4)
    assert result.p == pytest.approx(0.01199, abs=5e-6)
    assert result.f == pytest.approx(13 * result.chi2 / (14 * 3 - result.chi2))
    assert ranks.critical_difference(4, 14) == pytest.approx(1.254, abs=1e-3)
    assert ranks.critical_difference(4, 14, alpha=0.10) == pytest.approx(1.118, abs=1e-3)


def test_wilcoxon_on_demsars_first_two_columns():
    result = stats.wilcoxon(stats.differences(DEMSAR[:, 1], DEMSAR[:, 0]))
    assert result.statistic == 12
    assert result.p == pytest.approx(0.0078125)


def test_friedman_of_equal_and_of_fully_ordered_columns():
    assert ranks.friedman(np.ones((5, 3))) == (0, 1, 0, 1)
    ordered = ranks.friedman(np.tile([1.0, 2.0, 3.0], (6, 1)))
    assert ordered.chi2 == pytest.approx(12)
    assert ordered.p_f == 0


def test_iqm_and_improvement():
    assert aggregate.iqm(np.arange(8)) == 3.5
    x, y = [[1, 5], [2, 6], [3, 7]], [[0, 6], [2, 6], [1, 9]]
    assert aggregate.improvement(x, y) == pytest.approx(5 / 9)


def test_weighted_draws_are_trimmed_means_of_resamples():
    rng = np.random.default_rng(0)
    scores = np.round(rng.normal(size=(3, 7)), 1)
    weights = aggregate.resamples(3, 7, count=50)
    assert (weights.sum(axis=2) == 7).all()
    expected = [aggregate.iqm(np.repeat(scores.ravel(), draw.ravel())) for draw in weights]
    assert aggregate.iqm_draws(scores, weights) == pytest.approx(expected)


def test_stratified_bootstrap_is_paired():
    rng = np.random.default_rng(0)
    baseline = rng.normal(size=(4, 20))
    candidate = baseline + 0.1
    weights = aggregate.resamples(4, 20, count=500)
    draws = [aggregate.iqm_draws(scores, weights) for scores in (candidate, baseline)]
    assert draws[0] - draws[1] == pytest.approx(0.1)
    interval = aggregate.percentile_interval(aggregate.iqm(baseline), draws[1])
    assert interval.low < interval.estimate < interval.high
    assert (aggregate.iqm_draws(baseline, weights) == draws[1]).all()
    swapped = aggregate.improvement_interval(baseline, candidate, weights)
    forth = aggregate.improvement_interval(candidate, baseline, weights)
    assert forth.low < forth.estimate < forth.high
    assert swapped == pytest.approx((1 - forth.estimate, 1 - forth.high, 1 - forth.low))


def test_a_performance_profile_falls_from_one_to_zero():
    scores = np.random.default_rng(1).uniform(size=(3, 9))
    share, low, high = aggregate.profile(
        scores, np.linspace(-0.1, 1.1, 13), aggregate.resamples(3, 9, count=300)
    )
    assert (share[0], share[-1]) == (1, 0)
    assert (np.diff(share) <= 0).all()
    assert (low <= share + 1e-9).all()
    assert (share <= high + 1e-9).all()


def test_random_effects_of_the_eight_schools():
    effects = np.array([28, 8, -3, 7, -1, 1, 18, 12.0])
    errors = np.array([15, 10, 16, 11, 9, 11, 10, 18.0])
    interval = aggregate.random_effects(effects, errors**2)
    # No variance between schools: the mean and standard error of fixed effects.
    assert interval.estimate == pytest.approx(7.686, abs=1e-3)
    assert interval.high - interval.estimate == pytest.approx(4.072 * 2.3646, abs=1e-2)


def test_random_effects_of_degenerate_effects():
    assert aggregate.random_effects([0.1, 0.1], [1e-4, 1e-4]).estimate == pytest.approx(0.1)
    assert np.isnan(aggregate.random_effects([0.1, 0.2], [0.0, 1e-4]).estimate)
    assert np.isnan(aggregate.random_effects([0.1], [1e-4]).estimate)
