"""Statistics against published values and against scipy and statsmodels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import ttost_paired

from reports import stats
from reports.stats import intervals, paired

MAIZE = np.array([6, 8, 14, 16, 23, 24, 28, 29, 41, -48, 49, 56, 60, -67, 75.0])
SLEEP = np.array([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]) - np.array(
    [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
)
LAKENS = np.array([9, 7, 8, 9, 8, 9, 9, 10, 9, 9.0]), np.array([9, 6, 7, 8, 7, 9, 8, 8, 8, 7.0])


def test_fisher_permutation_of_darwins_maize():
    result = stats.sign_flip(MAIZE)
    assert result.exact
    assert result.p == pytest.approx(1726 / 32768, abs=1e-12)


def test_wilcoxon_of_darwins_maize():
    result = stats.wilcoxon(MAIZE)
    assert result.statistic == 24
    assert result.p == pytest.approx(0.0412598, abs=1e-7)


def test_t_interval_effects_and_hodges_lehmann_of_darwins_maize():
    t, p = scipy_stats.ttest_1samp(MAIZE, 0)
    assert (t, p) == (pytest.approx(2.14799, abs=1e-5), pytest.approx(0.049703, abs=1e-6))
    expected = scipy_stats.ttest_1samp(MAIZE, 0).confidence_interval()
    interval = stats.mean_interval(MAIZE)
    assert interval[1:] == pytest.approx((expected.low, expected.high))
    assert stats.rank_biserial(MAIZE) == pytest.approx(0.6)
    assert stats.d_z(MAIZE) == pytest.approx(0.5546, abs=1e-4)
    assert stats.hodges_lehmann(MAIZE) == (25, 4, 41.5)


def test_students_sleep_data():
    assert stats.d_z(SLEEP) == pytest.approx(-1.2846, abs=1e-4)
    d = stats.differences(SLEEP, np.zeros(10))
    assert stats.wilcoxon(d).p == pytest.approx(0.00390625)
    t = scipy_stats.ttest_1samp(d, 0)
    assert (t.statistic, t.pvalue) == (
        pytest.approx(-4.0621, abs=1e-4),
        pytest.approx(0.002833, abs=1e-6),
    )


def test_lakens_2013():
    assert stats.d_z(stats.differences(*LAKENS)) == pytest.approx(1.5)
    assert scipy_stats.ttest_rel(*LAKENS).statistic == pytest.approx(4.743, abs=1e-3)


def test_holm():
    p = [0.01, 0.04, 0.03, 0.005]
    assert stats.holm(p) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert stats.holm([]).size == 0
    many = np.random.default_rng(1).uniform(size=40) ** 3
    assert stats.holm(many) == pytest.approx(multipletests(many, method="holm")[1])


def test_equivalence_equals_statsmodels():
    a, b = np.array([4, 7, 8, 6, 3, 2.0]), np.array([6, 8, 7, 10, 11, 9.0])
    assert stats.equivalence(a - b, 0.5) == pytest.approx(0.954854, abs=1e-6)
    assert stats.equivalence(a - b, 6.0) == pytest.approx(ttost_paired(a, b, -6, 6)[0])


@pytest.mark.parametrize(
    ("n", "effect"),
    [(5, 1.68), (6, 1.44), (8, 1.16), (10, 1.00), (15, 0.78), (20, 0.66), (30, 0.53)],
)
def test_detectable_effect(n, effect):
    assert stats.detectable(n) == pytest.approx(effect, abs=0.006)


def test_power_of_statsmodels_and_seeds_needed():
    for n, effect in ((6, 0.3), (20, 0.66), (200, 0.1), (10, 1.5)):
        expected = TTestPower().power(effect, n, 0.01)
        assert stats.power(effect, n, alpha=0.01) == pytest.approx(expected, abs=1e-9)
    assert stats.power(5.0, 10) == 1  # where statsmodels gives NaN
    assert TTestPower().solve_power(0.5, power=0.8, alpha=0.05) == pytest.approx(33.367, abs=1e-3)
    assert TTestPower().power(0.421637, 50, 0.05) == pytest.approx(0.83211, abs=1e-5)
    assert stats.seeds_needed(0.5) == 34
    assert stats.seeds_needed(-0.5) == 34
    assert stats.seeds_needed(100.0) == 2
    assert stats.seeds_needed(0.0) is None
    assert stats.seeds_needed(1e-4) is None


def test_few_differences_detect_less_by_signs_than_by_t():
    assert stats.detectable_by_signs(5) == float("inf")
    assert stats.detectable_by_signs(6) > stats.detectable(6) > 1.4
    assert stats.detectable_by_signs(14) == pytest.approx(stats.detectable(14), rel=0.05)
    assert stats.detectable_by_signs(30) == pytest.approx(stats.detectable(30), rel=1e-6)
    rng, effect = np.random.default_rng(1), stats.detectable_by_signs(9, alpha=0.01)
    p = [stats.sign_flip(rng.normal(effect, 1, 9)).p for _ in range(1500)]
    assert np.mean(np.array(p) < 0.01) == pytest.approx(0.8, abs=0.03)


def test_sign_flip_equals_scipy():
    rng = np.random.default_rng(3)
    for n in (2, 6, 9, 12):
        d = np.round(rng.normal(0.3, 1, n), 1)  # ties and zeros
        expected = scipy_stats.permutation_test(
            (d,), np.mean, permutation_type="samples", n_resamples=np.inf
        ).pvalue
        assert stats.sign_flip(d).p == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("n", [18, 23])
def test_exact_and_lattice_sign_flip_agree(monkeypatch, n):
    rng = np.random.default_rng(4)
    smooth, counts = rng.normal(0.4, 1, n), rng.integers(-8, 14, n) / 539
    enumerated = [stats.sign_flip(d) for d in (smooth, counts)]
    monkeypatch.setattr(paired, "EXACT_UP_TO", 5)
    on_lattice = [stats.sign_flip(d) for d in (smooth, counts)]
    assert [result.exact for result in (*enumerated, *on_lattice)] == [True, True, False, True]
    assert on_lattice[0].p == pytest.approx(enumerated[0].p, rel=2e-3, abs=2e-5)
    assert on_lattice[1].p == pytest.approx(enumerated[1].p, abs=1e-12)
    assert on_lattice[0].p == stats.sign_flip(smooth[::-1]).p == stats.sign_flip(-smooth).p


def test_many_differences_agree_with_resampling():
    d = np.random.default_rng(5).normal(0.35, 1, 60)
    expected = scipy_stats.permutation_test(
        (d,), np.mean, permutation_type="samples", n_resamples=99_999, rng=1, vectorized=True
    ).pvalue
    assert stats.sign_flip(d).p == pytest.approx(expected, abs=0.003)


def test_single_precision_breaks_no_ties():
    counts = np.array([3, -1, 2, 2, 0, 5, 3, -2, 1, 4])
    baseline = np.linspace(0.7, 0.97, 10, dtype=np.float32) * 539 // 1 / 539
    candidate = (baseline * 539 + counts) / 539
    d = stats.differences(candidate.astype(np.float32), baseline.astype(np.float32))
    assert d == pytest.approx(np.sort(counts) / 539, abs=1e-7)
    assert len(set(d.tolist())) == len(set(counts.tolist()))
    assert stats.sign_flip(d).p == stats.sign_flip(counts).p
    assert stats.wilcoxon(d)[:2] == stats.wilcoxon(counts)[:2]


def test_noise_below_single_precision_makes_ties_of_other_metrics_too():
    d = stats.differences([1.0, 1.3, 0.9, 2.0], [0.9, 1.2 + 3e-8, 1.0 - 2e-8, 2.0 + 1e-8])
    assert np.abs(d).tolist() == [d[3], 0, d[3], d[3]]


def test_wilcoxon_equals_scipy_with_ties_and_zeros():
    d = np.array([0.0, 0.1, 0.1, -0.2, 0.3, 0.0, 0.4, -0.1, 0.5, 0.2])
    method = scipy_stats.PermutationMethod(n_resamples=np.inf)
    expected = scipy_stats.wilcoxon(d, zero_method="zsplit", method=method)
    assert stats.wilcoxon(d)[:2] == pytest.approx((expected.statistic, expected.pvalue))


def test_columns_of_one_interval_each():
    columns = np.random.default_rng(2).normal(size=(7, 3))
    columns[2:, 1] = columns[0, 2] = np.nan
    columns[1, 1] = np.nan
    n, *band = intervals.column_intervals(columns, confidence=0.9)
    assert n.tolist() == [7, 1, 6]
    for mean, low, high, column in zip(*band, columns.T, strict=True):
        expected = stats.mean_interval(column[np.isfinite(column)], confidence=0.9)
        assert (mean, low, high) == pytest.approx(expected, nan_ok=True)
    assert intervals.t_half_width(2.0, 9) == pytest.approx(2 * 2.262157, abs=1e-6)


def bootstrap_interval(d):
    return stats.bootstrap_intervals([d])[0]


def test_constant_differences():
    d = np.full(8, 0.02)
    assert stats.sign_flip(d).p == pytest.approx(2 / 2**8)
    assert stats.mean_interval(d) == pytest.approx((0.02, 0.02, 0.02))
    assert bootstrap_interval(d) == pytest.approx((0.02, 0.02, 0.02))
    assert stats.d_z(d) == float("inf")
    assert stats.equivalence(d, 0.05, 1e-4) < 1e-6
    assert stats.equivalence(d, 0.01, 1e-4) > 0.999
    assert stats.superiority(d) == 1


def test_zero_differences():
    d = np.zeros(8)
    assert stats.sign_flip(d) == (0, 1, True)
    assert stats.wilcoxon(d).p == 1
    assert stats.mean_interval(d) == (0, 0, 0)
    assert bootstrap_interval(d) == (0, 0, 0)
    assert stats.hodges_lehmann(d) == (0, 0, 0)
    assert stats.d_z(d) == 0
    assert stats.rank_biserial(d) == 0
    assert stats.superiority(d) == 0.5
    assert stats.equivalence(d, 0.01, 1e-4) < 1e-6


def test_a_bootstrap_interval_does_not_depend_on_its_neighbours():
    rows = np.random.default_rng(3).normal(0.01, 0.02, (5, 12))
    rows[2] = 0.5
    together = stats.bootstrap_intervals(list(rows))
    assert together == [bootstrap_interval(row) for row in rows]
    assert together[2] == (0.5, 0.5, 0.5)


def test_bootstrap_interval_lies_near_the_t_interval():
    d = np.random.default_rng(5).normal(0, 1, 40)
    t, b = stats.mean_interval(d), bootstrap_interval(d)
    assert b[1:] == pytest.approx(t[1:], abs=0.1)
    assert b == bootstrap_interval(d[::-1])


def test_five_differences_have_no_finite_hodges_lehmann_interval():
    assert stats.hodges_lehmann([1, 2, 3, 4, 5.0]) == (3, float("-inf"), float("inf"))


@pytest.mark.parametrize(
    ("a", "b"), [([1.0], [1.0, 2.0]), ([np.nan, 1.0], [0.0, 0.0]), ([[1.0]], [[1.0]])]
)
def test_unpaired_values_are_refused(a, b):
    with pytest.raises(ValueError, match="paired"):
        stats.differences(a, b)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-40, 40), min_size=6, max_size=14), st.randoms())
def test_order_and_direction(values, random):
    d = np.array(values) / 100
    shuffled = list(d)
    random.shuffle(shuffled)
    for test in (stats.sign_flip, stats.wilcoxon):
        assert test(d).p == pytest.approx(test(shuffled).p, abs=1e-12)
        assert test(d).p == pytest.approx(test(-d).p, abs=1e-12)
        assert 0 < test(d).p <= 1
    interval, mirrored = stats.mean_interval(d), stats.mean_interval(-d)
    assert (interval.low, interval.high) == pytest.approx((-mirrored.high, -mirrored.low))
    assert stats.superiority(d) == pytest.approx(1 - stats.superiority(-d))


def test_false_positive_rate_without_an_effect():
    rng = np.random.default_rng(6)
    p = [stats.sign_flip(rng.normal(size=10)).p for _ in range(2000)]
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=0.015)


def test_equal_sums_of_scores_in_single_precision_are_ties():
    """Shares of 360 examples, stored in single precision: as exact as the counts themselves."""
    rng = np.random.default_rng(11)
    for _ in range(20):
        counts = rng.integers(330, 350, size=(2, 16))
        first, second = (counts / 360).astype(np.float32).astype(float)
        exact = stats.sign_flip(counts[0] - counts[1])
        assert stats.sign_flip(first - second).p == exact.p
