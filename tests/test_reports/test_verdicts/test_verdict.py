"""The decision procedure: its order, its symmetries, its words."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports import stats
from reports.page.wording import unit_of
from reports.verdicts import gate as gates
from reports.verdicts import sentences, verdict
from reports.verdicts.decision import Question, decide
from reports.verdicts.verdict import Basis, Rules

RULES = Rules("maximise", 0.005, 0.05)
POINTS = unit_of("accuracy")
ALONE = Basis(RULES, POINTS)
MIRROR = {
    "better": "worse",
    "worse": "better",
    "better_unsized": "worse_unsized",
    "worse_unsized": "better_unsized",
    "equivalent": "equivalent",
    "inconclusive": "inconclusive",
}


def verdict_of(candidate, baseline, rules=RULES):
    numbers = verdict.measure(candidate, baseline, rules)
    return verdict.judge(numbers, numbers.p, rules)


def noisy(mean, sd, n=20):
    """Differences with exactly that mean and SD."""
    z = np.random.default_rng(0).normal(size=n)
    return mean + sd * (z - z.mean()) / z.std(ddof=1)


@pytest.mark.parametrize(
    ("mean", "sd", "expected"),
    [
        (0.02, 0.005, "better"),
        (-0.02, 0.005, "worse"),
        (0.0, 0.005, "equivalent"),
        (0.002, 0.001, "equivalent"),  # significant too: different but negligible
        (0.006, 0.008, "better_unsized"),
        (-0.006, 0.008, "worse_unsized"),
        (0.002, 0.03, "inconclusive"),
    ],
)
def test_each_verdict(mean, sd, expected):
    baseline = np.full(20, 0.9)
    assert verdict_of(baseline + noisy(mean, sd), baseline) == expected
    minimise = Rules("minimise", 0.005, 0.05)
    assert verdict_of(baseline + noisy(mean, sd), baseline, minimise) == MIRROR[expected]


def test_correction_can_take_a_verdict_away():
    numbers = verdict.measure(0.9 + noisy(0.02, 0.005), np.full(20, 0.9), RULES)
    assert verdict.judge(numbers, 0.06, RULES) == "inconclusive"
    reason = verdict.explain("inconclusive", numbers, 0.06, ALONE)
    assert "does not survive the correction" in reason


@pytest.mark.parametrize(
    ("n", "sensitivity", "drawn"), [(20, True, 1), (19, True, 0), (20, False, 0)]
)
def test_a_bootstrap_interval_is_drawn_from_twenty_pairs_on(n, sensitivity, drawn):
    candidate, baseline = 0.9 + noisy(0.01, 0.005, n), np.full(n, 0.9)
    [decision] = decide(
        [Question("a", "b", candidate, baseline)], RULES, POINTS, "seed", sensitivity=sensitivity
    )
    limits = decision.numbers.bca_low, decision.numbers.bca_high
    assert np.isfinite(limits).tolist() == [bool(drawn)] * 2
    if drawn:
        d = stats.differences(candidate, baseline)
        assert limits == stats.bootstrap_intervals([d])[0][1:]


def test_constant_and_zero_differences():
    baseline = np.random.default_rng(0).uniform(0.8, 0.9, 8).round(4)
    assert verdict_of(baseline + 0.02, baseline) == "better"
    assert verdict_of(baseline - 0.02, baseline) == "worse"
    assert verdict_of(baseline, baseline) == "equivalent"
    assert verdict_of(baseline, baseline, Rules(rope=0.0)) == "inconclusive"
    assert verdict_of(baseline + 0.001, baseline, Rules(rope=0.0)) == "better"


def alike(n, resolution=None, rope=0.005):
    """The decision on n pairs of perfect scores."""
    perfect = np.ones(n)
    question = Question("a", "b", perfect, perfect, resolution=resolution)
    return decide([question], Rules(rope=rope), POINTS, "seed")[0]


def test_alike_by_luck_is_not_equivalent():
    few = alike(8, 1 / 18)
    assert few.verdict == "inconclusive"
    assert few.reason == (
        "a score moves in steps of 5.56 points (1 of 18 examples), so that 8 pairs may agree by "
        "luck; equivalence takes 68 pairs at least"
    )
    assert few.reason in few.sentence
    assert alike(68, 1 / 18).verdict == "equivalent"
    assert alike(8, 1 / 1000).verdict == "equivalent"


def test_pairs_that_both_diverged_are_no_evidence_of_equivalence():
    scores = np.r_[np.zeros(4), np.full(8, 0.9)]
    ended, lost = (
        decide(
            [Question("a", "b", scores, scores, resolution=1e-4, both_diverged=count)],
            RULES,
            POINTS,
            "seed",
        )[0]
        for count in (4, 8)
    )
    assert ended.verdict == "equivalent"
    assert ended.numbers.p_equivalence == stats.equivalence(np.zeros(8), 0.005, 1e-4)
    assert lost.verdict == "inconclusive"
    assert lost.reason.startswith("in 8 of 12 pairs both runs diverged")


def test_scores_that_show_no_step_are_not_equivalent_for_being_alike():
    unknown = alike(8)
    assert unknown.verdict == "inconclusive"
    assert "the number of test examples) is not known" in unknown.reason


scores = st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), min_size=6, max_size=12).map(
    lambda pairs: np.array(pairs) / 100
)


@settings(max_examples=60, deadline=None)
@given(scores, st.integers(-50, 50), st.randoms())
def test_symmetries(pairs, shift, random):
    a, b = pairs.T
    forth = verdict_of(a, b)
    assert verdict_of(b, a) == MIRROR[forth]
    order = list(range(len(a)))
    random.shuffle(order)
    assert verdict_of(a[order], b[order]) == forth
    assert verdict_of(a + shift / 10, b + shift / 10) == forth
    assert verdict_of(-a, -b, Rules("minimise", 0.005, 0.05)) == forth


def test_no_effect_is_rarely_called_one():
    rng = np.random.default_rng(1)
    named = [verdict_of(*rng.normal(0.9, 0.02, size=(2, 10)), Rules(rope=0.0)) for _ in range(400)]
    assert np.mean([name in ("better", "worse") for name in named]) <= 0.05 + 0.025


def gate(**changes):
    seeds = range(changes.pop("n", 20))
    settings = {"metric": "accuracy", "planned": len(seeds)}
    return gates.gate(**{**settings, "candidate_seeds": seeds, "baseline_seeds": seeds, **changes})


def test_gate_lets_a_sound_comparison_pass():
    assert gate() == ()
    assert gate(budgets=(15, 15)) == ()
    assert gate(budgets=(None, None)) == ()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"n": 5}, "fewer than 6"),
        ({"n": 5}, "0.0625"),
        ({"baseline_seeds": range(19)}, "1 of 20 paired seeds missing"),
        ({"baseline_seeds": range(1, 21)}, "1 of 20 paired seeds missing"),
        ({"candidate_seeds": ()}, "no pairs"),
        ({"budgets": (15, 30)}, "tuning budgets differ (15 against 30 runs)"),
        ({"budgets": (None, 30)}, "tuning budgets differ (none against 30 runs)"),
        ({"metric": "train_loss"}, "not a common yardstick"),
        (
            {"overlaps": gates.overlapping_seeds({"tune": range(3), "test": range(2, 9)})},
            "1 seed of tune and test overlap",
        ),
    ],
)
def test_gate_refuses(changes, reason):
    assert any(reason in refusal for refusal in gate(**changes))


def in_words(d, p_holm, *, family=4, rules=RULES, baseline=None):
    baseline = np.full(len(d), 0.5) if baseline is None else baseline
    numbers = verdict.measure(baseline + d, baseline, rules)
    outcome = verdict.judge(numbers, p_holm, rules)
    basis = Basis(rules, POINTS, family=family)
    return sentences.sentence(("mln_1", "ce"), numbers, p_holm, outcome, basis)


def test_sentence_of_a_better_loss():
    text = in_words(noisy(0.02, 0.005), 0.0000001)
    assert text.startswith("mln_1 exceeded ce by 2.00 points, 95 % CI [1.77, 2.23], exact sign-")
    assert "p < .001 (Holm, 4 comparisons), d_z = 4.00, better in 20 of 20 paired seeds" in text
    assert text.endswith("ROPE ±0.50: better.")


def test_sentence_of_a_worse_loss_when_lower_is_better():
    text = in_words(noisy(0.02, 0.005), 0.004, rules=Rules("minimise", 0.005, 0.05))
    assert "mln_1 exceeded ce by 2.00" in text
    assert "better in 0 of 20" in text
    assert text.endswith("worse.")


def test_sentence_of_an_inconclusive_comparison_plans_and_never_says_p_is_zero():
    text = in_words(noisy(0.002, 0.03), 0.9997)
    assert "p > .999" in text
    assert "inconclusive (80 % power for differences from" in text
    assert "seeds would detect 0.50)" in text
    assert "p = .000" not in text


def test_sentences_of_degenerate_differences():
    assert "differed from ce by 0.00" in in_words(np.zeros(8), 1.0)
    assert "d_z = ∞" in in_words(np.full(8, 0.03), 0.03)


def test_plan_comes_from_the_spread_alone():
    small = verdict.measure(0.9 + noisy(0.0, 0.01), np.full(20, 0.9), RULES)
    large = verdict.measure(0.9 + noisy(0.03, 0.01), np.full(20, 0.9), RULES)
    assert verdict.plan(small, ALONE) == pytest.approx(verdict.plan(large, ALONE))
    planned = verdict.plan(small, ALONE)
    assert planned.detectable == pytest.approx(0.66 * 0.01, rel=0.01)
    assert planned.seeds == 34  # d_z = 0.5
    stricter = verdict.plan(small, ALONE._replace(family=10))
    assert stricter.detectable > planned.detectable
    assert stricter.seeds > planned.seeds


def test_disjoint_seeds_do_not_overlap():
    assert gates.overlapping_seeds({"tune": [(0, 1)], "test": [(0, 3)], "study": []}) == ()


@pytest.mark.parametrize(("unit", "word"), [("run", "evolution run"), ("task", "task")])
def test_wider_claims_need_six_units(unit, word):
    assert gates.too_few(6, unit) == ()
    [reason] = gates.too_few(3, unit)
    assert f"3 independent {word}s" in reason or f"3 {word}s" in reason
    assert "descriptive" in reason
    assert "0.25" in reason


def test_a_plan_knows_where_no_difference_can_be_shown():
    numbers = verdict.measure(0.9 + noisy(0.0, 0.01, 8), np.full(8, 0.9), RULES)
    basis = ALONE._replace(family=8)
    planned = verdict.plan(numbers, basis)
    assert planned.detectable == float("inf")
    assert planned.seeds >= 9
    assert "no difference could be shown" in sentences.plan_text(planned, basis)


def test_tasks_are_tested_by_ranks():
    baseline = np.linspace(0.4, 0.9, 12)
    candidate = baseline + np.linspace(0.001, 0.3, 12)
    numbers = verdict.measure(candidate, baseline, RULES, unit="task")
    assert numbers.p == numbers.p_wilcoxon
