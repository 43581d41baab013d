"""Ranks, survival, factorial designs and posteriors against published values."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.multitest import multipletests
from test_reports.test_stats.test_ranks import DEMSAR
from test_reports.test_stats.test_stats import MAIZE, SLEEP

from reports.stats import bayes, factorial, ranks, survival

# Freireich et al. (1963): weeks of remission under 6-MP; 0 is censored.
TREATED = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
EVENTS = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
# R's npk: peas in six blocks of four plots.
NPK_YIELD = [
    49.5, 62.8, 46.8, 57.0, 59.8, 58.5, 55.5, 56.0, 62.8, 55.8, 69.5, 55.0,
    62.0, 48.8, 45.5, 44.2, 52.0, 51.5, 49.8, 48.8, 57.2, 59.0, 53.2, 56.0,
]  # fmt: skip
NPK_N = [0, 1, 0, 1, 1, 1, 0, 0, 0, 1, 1, 0, 1, 1, 0, 0, 1, 0, 1, 0, 1, 1, 0, 0]
NPK_P = [1, 1, 0, 0, 0, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1, 1, 0, 0, 1, 0, 1, 1, 0]
NPK_K = [1, 0, 0, 1, 0, 1, 1, 0, 0, 1, 0, 1, 0, 1, 1, 0, 0, 0, 1, 1, 1, 0, 1, 0]
NPK_BLOCK = np.repeat(range(6), 4).tolist()


def test_nemenyi_agrees_with_its_critical_difference():
    p, mean = ranks.nemenyi(DEMSAR), ranks.mean_ranks(DEMSAR)
    beyond = np.abs(mean[:, None] - mean[None, :]) > ranks.critical_difference(4, 14)
    assert ((p < 0.05) == beyond).all()


def test_pairs_agree_with_the_library():
    scores = np.round(np.random.default_rng(1).normal([0, 0.8, 2], size=(8, 3)), 1)
    pairs = [(0, 1), (0, 2), (1, 2)]
    p = [
        scipy_stats.permutation_test(
            (scores[:, a] - scores[:, b],), np.mean, permutation_type="samples", n_resamples=np.inf
        ).pvalue
        for a, b in pairs
    ]
    expected = multipletests(p, method="holm")[1]
    found = ranks.sign_flip_pairs(scores)
    assert [found[pair] for pair in pairs] == pytest.approx(expected)
    assert (found == found.T).all()
    assert (np.diag(found) == 1).all()


def test_freireich_survival():
    curve = survival.survival_curve(TREATED, EVENTS)
    at = dict(zip(curve.times.tolist(), curve.survival.tolist(), strict=True))
    assert [at[6], at[10], at[23]] == pytest.approx([0.8571, 0.7529, 0.4482], abs=1e-4)
    assert survival.survival_curve(TREATED, np.zeros(21)).times.size == 0


def test_the_area_below_a_survival_curve_is_the_mean_of_the_censored_times():
    times, reached, budget = [3, 5, 10, 8, 10], [1, 1, 0, 1, 0], 10.0
    curve = survival.survival_curve(times, reached)
    edges = np.concatenate([[0.0], curve.times, [budget]])
    area = (np.diff(edges) * np.concatenate([[1.0], curve.survival])).sum()
    assert area == pytest.approx(np.mean(times))


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


# baycomp 1.0.3: SignedRankTest(x, y, rope, nsamples=200_000, random_state=0).probs().
BAYCOMP = {
    "C4.5+m against C4.5": (DEMSAR[:, 1], DEMSAR[:, 0], 0.005, (0.96183, 0.03812, 0.00004)),
    "C4.5+cf against C4.5": (DEMSAR[:, 2], DEMSAR[:, 0], 0.01, (0.18874, 0.69493, 0.11633)),
    "C4.5+m+cf against C4.5+m": (DEMSAR[:, 3], DEMSAR[:, 1], 0.005, (0.67148, 0.29206, 0.03646)),
    "maize": (MAIZE, np.zeros(15), 25.0, (0.5167, 0.48304, 0.00026)),
    "maize without a region": (MAIZE, np.zeros(15), 0.0, (0.98130, 0.0, 0.01870)),
    "sleep": (SLEEP, np.zeros(10), 1.3, (0.0, 0.54568, 0.45432)),
}


def posterior(candidate, baseline, rope, draws=bayes.DRAWS, seed=0):
    rng = np.random.default_rng(seed)
    return bayes.signed_rank(candidate, baseline, rope, rng=rng, draws=draws)


@pytest.mark.parametrize("name", BAYCOMP)
def test_posterior_of_baycomp(name):
    candidate, baseline, rope, expected = BAYCOMP[name]
    result = posterior(candidate, baseline, rope, draws=100_000)
    # Four standard errors of the difference of the two simulations, at their widest.
    assert result[:3] == pytest.approx(expected, abs=4 * np.sqrt(0.25 / 100_000 + 0.25 / 200_000))


def test_draws_have_the_expectation_of_a_dirichlet_process():
    d, rope = np.concatenate([[0.0], MAIZE]), 25.0
    weight = np.ones(d.size)
    weight[0] = 0.5
    # E[w_i w_j] = a_i (a_j + [i = j]) / (a (a + 1)) with a the sum of all.
    pairs = np.outer(weight, weight) + np.diag(weight)
    pairs /= weight.sum() * (weight.sum() + 1)
    averages = (d[:, None] + d[None, :]) / 2
    better = pairs[averages > rope].sum() + pairs[averages == rope].sum() / 2
    worse = pairs[averages < -rope].sum() + pairs[averages == -rope].sum() / 2
    sample = posterior(MAIZE, np.zeros(15), rope, draws=100_000).sample
    expected = (better, 1 - better - worse, worse)
    assert sample.mean(axis=0) == pytest.approx(expected, abs=4 * 0.15 / np.sqrt(100_000))
    assert sample.sum(axis=1) == pytest.approx(1.0)


def test_posterior_over_tasks():
    rng = np.random.default_rng(4)
    baseline = rng.uniform(0.5, 0.9, 12)
    result = posterior(baseline + 0.03, baseline, 0.005)
    assert result.better > 0.99
    assert posterior(baseline, baseline + 0.03, 0.005).worse > 0.99
    assert posterior(baseline + 0.001, baseline, 0.005).equivalent > 0.99
    assert posterior(baseline, baseline, 0.0)[:3] == (0.5, 0.0, 0.5)
    assert result.sample.shape == (bayes.DRAWS, 3)
    with pytest.raises(ValueError, match="at least 8"):
        posterior(baseline[:7], baseline[:7], 0.005)


def test_a_posterior_depends_on_its_generator_alone(monkeypatch):
    once = posterior(MAIZE, np.zeros(15), 25.0)
    assert (once.sample == posterior(MAIZE, np.zeros(15), 25.0).sample).all()
    assert (once.sample != posterior(MAIZE, np.zeros(15), 25.0, seed=1).sample).any()
    monkeypatch.setattr(bayes, "MAX_WEIGHTS", 1_000)
    in_parts = posterior(MAIZE, np.zeros(15), 25.0)
    assert in_parts.sample == pytest.approx(once.sample)
    mirrored = posterior(-MAIZE, np.zeros(15), 25.0)
    assert mirrored.sample[:, ::-1] == pytest.approx(once.sample)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_ranks_depend_on_neither_constants_nor_the_order_of_blocks(seed):
    rng = np.random.default_rng(seed)
    scores = np.round(rng.normal(size=(8, 3)), 1)
    moved = scores[rng.permutation(8)] + rng.integers(-3, 4)
    assert ranks.mean_ranks(np.round(moved, 6)) == pytest.approx(ranks.mean_ranks(scores))
    assert ranks.sign_flip_pairs(moved) == pytest.approx(ranks.sign_flip_pairs(scores))
    swapped = ranks.sign_flip_pairs(scores[:, [1, 0, 2]])
    assert swapped[0, 2] == pytest.approx(ranks.sign_flip_pairs(scores)[1, 2])
