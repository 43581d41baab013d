"""Ranks, post-hoc tests, survival, factorial designs and posteriors against published values."""

import numpy as np
import pandas as pd
import pytest
import scikit_posthocs
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm
from test_reports.test_stats.test_ranks import DEMSAR

from reports import stats
from reports.stats import bayes, factorial, ranks, survival, unpaired

# The matrix of scikit-posthocs' documentation.
DOCUMENTED = np.array(
    [[31, 27, 24], [31, 28, 31], [45, 29, 46], [21, 18, 48], [42, 36, 46], [32, 17, 40.0]]
)
# Freireich et al. (1963): weeks of remission under 6-MP and under placebo; 0 is censored.
TREATED = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
EVENTS = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
# Box, Hunter and Hunter: the pilot plant, in standard order of T, C and K.
PLANT = [60, 72, 54, 68, 52, 83, 45, 80]
PLANT_LEVELS = {
    "T": ["-", "+"] * 4,
    "C": ["-", "-", "+", "+"] * 2,
    "K": ["-"] * 4 + ["+"] * 4,
}
# R's npk: peas in six blocks of four plots.
NPK_YIELD = [
    49.5, 62.8, 46.8, 57.0, 59.8, 58.5, 55.5, 56.0, 62.8, 55.8, 69.5, 55.0,
    62.0, 48.8, 45.5, 44.2, 52.0, 51.5, 49.8, 48.8, 57.2, 59.0, 53.2, 56.0,
]  # fmt: skip
NPK_N = [0, 1, 0, 1, 1, 1, 0, 0, 0, 1, 1, 0, 1, 1, 0, 0, 1, 0, 1, 0, 1, 1, 0, 0]
NPK_P = [1, 1, 0, 0, 0, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1, 1, 0, 0, 1, 0, 1, 1, 0]
NPK_K = [1, 0, 0, 1, 0, 1, 1, 0, 0, 1, 0, 1, 0, 1, 1, 0, 0, 0, 1, 1, 1, 0, 1, 0]
NPK_BLOCK = np.repeat(range(6), 4).tolist()


def test_conover_of_the_documentation():
    p = ranks.conover(DOCUMENTED, adjust=None)
    assert [p[0, 1], p[0, 2], p[1, 2]] == pytest.approx([0.023252, 0.429487, 0.005732], abs=1e-6)
    assert ranks.conover(DOCUMENTED)[1, 2] == pytest.approx(3 * 0.005732, abs=1e-5)


def test_nemenyi_agrees_with_its_critical_difference():
    p, mean = ranks.nemenyi(DEMSAR), ranks.mean_ranks(DEMSAR)
    beyond = np.abs(mean[:, None] - mean[None, :]) > ranks.critical_difference(4, 14)
    assert ((p < 0.05) == beyond).all()


def test_ranks_against_a_control_are_demsars_z():
    z = np.abs(ranks.mean_ranks(DEMSAR)[1:] - ranks.mean_ranks(DEMSAR)[0])
    z /= np.sqrt(4 * 5 / (6 * 14))
    found = ranks.against_control(DEMSAR, 0)
    assert np.isnan(found[0])
    assert found[1:] == pytest.approx(stats.holm(2 * norm.sf(z)))


def test_wilcoxon_pairs_agree_with_the_library_without_ties():
    scores = np.random.default_rng(1).normal(size=(10, 4))
    melted = [(value, column) for row in scores for column, value in enumerate(row)]
    frame = pd.DataFrame(melted, columns=["y", "g"])
    expected = scikit_posthocs.posthoc_wilcoxon(frame, "y", "g", method="exact", p_adjust="holm")
    assert ranks.wilcoxon_pairs(scores) == pytest.approx(expected.to_numpy())


def test_cliff_1993():
    found = unpaired.dominance([10, 10, 20, 20, 20, 30, 30, 30, 40, 50], [10, 20, 30, 40, 40, 50])
    assert found == pytest.approx((0.375, -0.25))


def test_paired_superiority_has_an_exact_interval_without_ties():
    found = stats.superiority_interval([1.0, 2, 3, 4, 5, 6, 7, 8, 9, -1])
    assert found == pytest.approx((0.9, 0.5550, 0.9975), abs=1e-4)
    assert np.isnan(stats.superiority_interval([0.0, 1.0]).low)


def test_freireich_survival_and_log_rank():
    curve = survival.survival_curve(TREATED, EVENTS)
    at = dict(zip(curve.times.tolist(), curve.survival.tolist(), strict=True))
    assert [at[6], at[10], at[23]] == pytest.approx([0.8571, 0.7529, 0.4482], abs=1e-4)
    found = survival.log_rank(
        TREATED + PLACEBO, EVENTS + [1] * 21, ["6-MP"] * 21 + ["placebo"] * 21
    )
    assert found.chi2 == pytest.approx(16.7929, abs=1e-4)


def test_the_restricted_mean_is_the_area_below_the_curve():
    times, budget = np.array([3.0, 5.0, np.nan, 8.0, np.nan]), 10.0
    cut = survival.restricted(times, budget)
    assert cut.tolist() == [3, 5, 10, 8, 10]
    curve = survival.survival_curve(cut, ~np.isnan(times))
    edges = np.concatenate([[0.0], curve.times, [budget]])
    area = (np.diff(edges) * np.concatenate([[1.0], curve.survival])).sum()
    assert area == pytest.approx(cut.mean())
    assert survival.survival_curve(cut, np.zeros(5)).times.size == 0


@pytest.mark.parametrize(
    ("factors", "effect"),
    [("T", 23), ("C", -5), ("K", 1.5), ("TC", 1.5), ("TK", 10), ("CK", 0), ("TCK", 0.5)],
)
def test_box_hunter_hunter_pilot_plant(factors, effect):
    found = factorial.contrast(PLANT, PLANT_LEVELS, dict.fromkeys(factors, "+"))
    assert found == pytest.approx(effect)


def test_npk_analysis_of_variance():
    terms = {
        term.name: term
        for term in factorial.blocked_anova(NPK_YIELD, {"N": NPK_N, "K": NPK_K}, NPK_BLOCK)
    }
    # With P and its interactions in the model, as in R's help page.
    levels = {"N": NPK_N, "P": NPK_P, "K": NPK_K}
    frame = pd.DataFrame({"y": NPK_YIELD, "block": NPK_BLOCK, **levels})
    formula = "y ~ C(block) + C(N) + C(P) + C(K) + C(N):C(P) + C(N):C(K) + C(P):C(K)"
    table = anova_lm(ols(formula, frame).fit())
    known = table["F"]
    assert [known["C(block)"], known["C(N)"], known["C(K)"], known["C(N):C(K)"]] == pytest.approx(
        [4.447, 12.259, 6.166, 2.146], abs=1e-3
    )
    # The same sums of squares come out of ours, whose error has P's in it.
    for name, column in (("N", "C(N)"), ("K", "C(K)"), ("N x K", "C(N):C(K)")):
        assert terms[name].sum_of_squares == pytest.approx(table.loc[column, "sum_sq"])
    error = terms["residual"]
    expected = table.loc["C(N)", "sum_sq"] / (error.sum_of_squares / error.df)
    assert terms["N"].f == pytest.approx(expected)


def test_interactions_come_first_and_blocks_frame_them():
    levels = {"a": list("xxyy") * 4, "b": list("uvuv") * 4}
    y = np.random.default_rng(2).normal(size=16)
    terms = factorial.blocked_anova(y, levels, np.repeat(range(4), 4).tolist())
    assert [term.name for term in terms] == ["block", "a x b", "a", "b", "residual"]
    assert sum(term.df for term in terms) == 15
    with pytest.raises(ValueError, match="more runs"):
        factorial.blocked_anova(y[:4], {k: v[:4] for k, v in levels.items()}, [0] * 4)


def test_a_balanced_mixed_model_finds_the_same_terms():
    rng = np.random.default_rng(3)
    rows = [(a, b, r, t) for a in "xy" for b in "uv" for r in range(4) for t in range(5)]
    task = np.array([0.0, 0.3, -0.2, 0.1, 0.4])
    y = [task[t] + 0.2 * (a == "y") + rng.normal(0, 0.05) for a, _, _, t in rows]
    a, b, run, tasks = (list(column) for column in zip(*rows, strict=True))
    terms = {term.factors: term for term in factorial.mixed_terms(y, {"a": a, "b": b}, run, tasks)}
    assert list(terms) == [("a", "b"), ("a",), ("b",)]
    assert terms[("a",)].p < 1e-6
    assert min(terms[("b",)].p, terms[("a", "b")].p) > 0.01


def test_posterior_over_tasks():
    rng = np.random.default_rng(4)
    baseline = rng.uniform(0.5, 0.9, 12)
    found = bayes.signed_rank(baseline + 0.03, baseline, 0.005)
    assert found.better > 0.99
    assert bayes.signed_rank(baseline, baseline + 0.03, 0.005).worse > 0.99
    assert bayes.signed_rank(baseline + 0.001, baseline, 0.005).equivalent > 0.99
    assert found.sample.shape == (bayes.SAMPLES, 3)
    again = bayes.signed_rank(baseline + 0.03, baseline, 0.005)
    assert (found.sample == again.sample).all()
    with pytest.raises(ValueError, match="at least 8"):
        bayes.signed_rank(baseline[:7], baseline[:7], 0.005)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_ranks_do_not_care_about_constants_or_the_order_of_blocks(seed):
    rng = np.random.default_rng(seed)
    scores = np.round(rng.normal(size=(8, 3)), 1)
    moved = scores[rng.permutation(8)] + rng.integers(-3, 4)
    assert ranks.mean_ranks(np.round(moved, 6)) == pytest.approx(ranks.mean_ranks(scores))
    assert ranks.wilcoxon_pairs(moved) == pytest.approx(ranks.wilcoxon_pairs(scores))
    swapped = ranks.wilcoxon_pairs(scores[:, [1, 0, 2]])
    assert swapped[0, 2] == pytest.approx(ranks.wilcoxon_pairs(scores)[1, 2])
