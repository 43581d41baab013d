"""Are the tests of a verdict calibrated? Simulated scores, tuning left out: see test_tuned.py.

The rates are printed: `pytest -m slow -rP tests/test_reports/test_benchmark/test_calibration.py`.
"""

import itertools

import numpy as np
import pytest
from scipy import stats as scipy_stats

from reports import stats
from reports.page.wording import unit_of
from reports.stats.crossed import crossed
from reports.verdicts import verdict
from reports.verdicts.decision import Question, decide
from reports.verdicts.kinds import VERDICTS, is_decided
from reports.verdicts.verdict import Basis, Rules

pytestmark = pytest.mark.slow

EXPERIMENTS = 2000
FEW_EXPERIMENTS = 400
POINTS = unit_of("accuracy")
DECIDED = set(filter(is_decided, VERDICTS))
RULES = Rules("maximise", 0.005, 0.05)


def noise(rng, kind, shape):
    """Scores of learners without any effect of the loss: normal, skewed, counts, outliers."""
    if kind == "normal":
        return rng.normal(0.9, 0.01, shape)
    if kind == "skewed":
        return 0.95 - rng.gamma(2.0, 0.007, shape)
    if kind == "counts":
        return rng.binomial(539, 0.95, shape) / 539
    return np.where(rng.random(shape) < 0.05, 0.1, rng.normal(0.9, 0.01, shape))


def family(rng, kind, *, tasks=2, candidates=3, baselines=2, seeds=10):
    """Questions of one experiment: candidates share baselines, seeds share their difficulty."""
    questions = []
    for _ in range(tasks):
        shared = rng.normal(0, 0.01, seeds)
        a, b = (noise(rng, kind, (k, seeds)) + shared for k in (candidates, baselines))
        questions += [Question("a", "b", x, y) for x, y in itertools.product(a, b)]
    return questions


def share(hits, count):
    """A rate with its exact 95 % interval."""
    limits = scipy_stats.binomtest(hits, count).proportion_ci()
    return hits / count, limits.low, limits.high


def test_families_without_an_effect_are_rarely_called_one():
    rng = np.random.default_rng(1)
    kinds = ("normal", "skewed", "counts", "outliers")
    false, covered, intervals = 0, 0, 0
    for number in range(EXPERIMENTS):
        kind = kinds[number % 4]
        decisions = decide(family(rng, kind), RULES, POINTS, "seed", sensitivity=False)
        false += bool(DECIDED & {decision.verdict for decision in decisions})
        if kind != "outliers":  # a t interval does not promise anything there
            intervals += len(decisions)
            covered += sum(d.numbers.ci_low <= 0 <= d.numbers.ci_high for d in decisions)
    rate, low, high = share(false, EXPERIMENTS)
    print(
        f"\nfamilies with a false better or worse: {rate:.2%} [{low:.2%}, {high:.2%}] "
        f"of {EXPERIMENTS}; coverage of the 95 % intervals: {covered / intervals:.2%}"
    )
    assert low <= 0.05
    assert 0.93 <= covered / intervals <= 0.97


def few_examples(rng, kind, examples, seeds, difference):
    """Scores of a candidate and a worse baseline, shares of so many examples.

    perfect: the candidate errs nowhere. nested: it errs only where the baseline does. crossing:
    each is right on examples on which the other errs.
    """
    lost = {"perfect": 0.0, "nested": 0.08, "crossing": 0.08}[kind]
    won = {"perfect": 0.0, "nested": 0.0, "crossing": 0.02}[kind]
    shares = [lost, difference + won, won, 1 - lost - difference - 2 * won]
    both, baseline, candidate, _ = rng.multinomial(examples, shares, seeds).T
    return 1 - (both + candidate) / examples, 1 - (both + baseline) / examples


@pytest.mark.parametrize("kind", ["perfect", "nested", "crossing"])
@pytest.mark.parametrize("is_known", [True, False])
def test_small_test_splits_are_rarely_called_equivalent(kind, is_known):
    """The true difference lies just beyond the region; seen: the scores alone tell the steps."""
    rng, rates = np.random.default_rng(5), {}
    for rope, examples, seeds in itertools.product((0.005, 0.02), (18, 36, 100, 200), (6, 10, 20)):
        rules = RULES._replace(rope=rope)
        false = wrong = 0
        for _ in range(FEW_EXPERIMENTS):
            pair = few_examples(rng, kind, examples, seeds, 1.02 * rope)
            step = 1 / examples if is_known else None
            question = Question("a", "b", *pair, resolution=step)
            decision = decide([question], rules, POINTS, "seed", sensitivity=False)[0]
            false += decision.verdict == "equivalent"
            wrong += decision.verdict in ("worse", "worse_unsized")
        rates[rope, examples, seeds] = share(false, FEW_EXPERIMENTS), wrong / FEW_EXPERIMENTS
    for (rope, examples, seeds), ((rate, low, high), worse) in rates.items():
        print(
            f"\n{kind}, ROPE {rope}, {examples} examples, {seeds} seeds: equivalent {rate:.1%} "
            f"[{low:.1%}, {high:.1%}], worse {worse:.1%}"
        )
    assert max(low for (_, low, _), _ in rates.values()) <= 0.05
    assert np.mean([rate for (rate, _, _), _ in rates.values()]) <= 0.05
    assert max(worse for _, worse in rates.values()) <= 0.05


def test_small_test_splits_do_not_make_a_loss_better_than_itself():
    rng = np.random.default_rng(6)
    for examples, seeds in itertools.product((18, 100), (8, 20)):
        false = 0
        for _ in range(FEW_EXPERIMENTS):
            pair = few_examples(rng, "crossing", examples, seeds, 0.0)
            decision = decide([Question("a", "b", *pair)], RULES, POINTS, "seed")[0]
            false += decision.verdict in DECIDED
        rate, low, _ = share(false, FEW_EXPERIMENTS)
        print(f"\n{examples} examples, {seeds} seeds: better or worse {rate:.1%}")
        assert low <= 0.05


def test_large_test_splits_are_still_called_equivalent():
    rng, found = np.random.default_rng(7), 0
    for _ in range(FEW_EXPERIMENTS):
        pair = few_examples(rng, "nested", 2000, 10, 0.0)
        question = Question("a", "b", *pair, resolution=1 / 2000)
        found += decide([question], RULES, POINTS, "seed")[0].verdict == "equivalent"
    assert found == FEW_EXPERIMENTS


@pytest.mark.parametrize(("seeds", "size"), [(8, 4), (10, 1), (10, 12), (20, 1), (20, 6), (30, 12)])
def test_power_at_the_stated_detectable_difference(seeds, size):
    """One comparison of a family has exactly the effect that the report states as detectable."""
    rng, sd, shown = np.random.default_rng(2), 0.01, 0
    spread = rng.normal(0, sd, 100_000)
    numbers = verdict.measure(spread[:seeds], np.zeros(seeds), RULES)._replace(sd_difference=sd)
    effect = verdict.plan(numbers, Basis(RULES, POINTS, family=size)).detectable
    zeros = np.zeros(seeds)
    for _ in range(EXPERIMENTS):
        questions = [Question("a", "b", effect + rng.normal(0, sd, seeds), zeros)]
        # The others have no effect and p = 1, so that Holm is at its strictest level.
        questions += [Question("a", "b", zeros, zeros)] * (size - 1)
        decision = decide(questions, RULES, POINTS, "seed", sensitivity=False)[0]
        shown += decision.p_holm < RULES.alpha
    rate, low, high = share(shown, EXPERIMENTS)
    print(f"\npower, n = {seeds}, family of {size}: {rate:.1%} [{low:.1%}, {high:.1%}]")
    assert 0.77 <= rate <= 0.83


@pytest.mark.parametrize(("runs", "between"), [(6, 0.0), (6, 0.5), (10, 1.0)])
def test_claims_about_the_method_share_a_baseline_and_stay_calibrated(runs, between):
    rng, seeds, false, alone, covered = np.random.default_rng(3), 20, 0, 0, 0
    for _ in range(EXPERIMENTS):
        gains = rng.normal(0, between, (runs, 1)) + rng.normal(0, 1, (runs, seeds))
        gains -= rng.normal(0, 1, seeds)  # one baseline for all runs
        both, over_runs = crossed(gains), stats.sign_flip(gains.mean(axis=1)).p
        false += max(both.p, over_runs) < 0.05
        alone += over_runs < 0.05
        covered += both.low <= 0 <= both.high
    rate, low, high = share(false, EXPERIMENTS)
    print(
        f"\nmethod, {runs} runs, SD between runs {between}: {rate:.1%} [{low:.1%}, {high:.1%}]; "
        f"a test over runs alone {alone / EXPERIMENTS:.1%}; coverage {covered / EXPERIMENTS:.1%}"
    )
    assert low <= 0.05
    assert 0.93 <= covered / EXPERIMENTS <= 0.97


def test_claims_about_new_tasks_are_calibrated():
    """Tasks differ in difficulty and in what a loss does on them; the task is the unit."""
    rng, false, pooled = np.random.default_rng(4), 0, 0
    for _ in range(EXPERIMENTS):
        tasks, seeds = 10, 10
        own = rng.normal(0, 0.01, (tasks, 1)) + rng.normal(0, 0.01, (tasks, seeds))
        zeros = np.zeros(tasks)
        question = Question("a", "b", own.mean(axis=1), zeros)
        false += decide([question], RULES, POINTS, "task")[0].verdict in DECIDED
        pooled += scipy_stats.ttest_1samp(own.ravel(), 0).pvalue < 0.05
    rate, low, high = share(false, EXPERIMENTS)
    print(
        f"\nnew tasks: {rate:.1%} [{low:.1%}, {high:.1%}]; all rows pooled "
        f"{pooled / EXPERIMENTS:.1%}"
    )
    assert low <= 0.05
    assert pooled / EXPERIMENTS > 0.2
