"""Is the procedure calibrated with tuning inside? Simulated experiments and real learners.

The table is printed: `pytest -m slow -rP tests/test_reports/test_benchmark/test_tuned.py`.
"""

import itertools
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from scipy import stats as scipy_stats
from test_reports.simulated import experiment

from bench.policies import POLICIES
from reports.data.choices import choose
from reports.page.wording import unit_of
from reports.verdicts.decision import Question, decide
from reports.verdicts.kinds import VERDICTS, is_decided
from reports.verdicts.verdict import Rules

pytestmark = pytest.mark.slow

POINTS = unit_of("accuracy")
DECIDED = set(filter(is_decided, VERDICTS))
RULES = Rules("maximise", 0.005, 0.05)
SHARED = "one rate from 3 tuning seeds, shared"
TUNING_SEEDS = 3
COMMON = 2
"""Place of the common rate among the rates tried."""


class Grid(NamedTuple):
    """Accuracy of U losses on S seeds at K rates, [U, S, K]; `tuning` is inner_valid of 3 more."""

    inner: np.ndarray
    test: np.ndarray
    tuning: np.ndarray


def chosen_scores(grid):
    """The test scores [U, S] under each policy of the suite, and under one shared rate."""
    losses, seeds, rates = grid.inner.shape
    names = [f"loss_{u:06}" for u in range(losses)]
    lr = 10.0 ** -np.arange(rates, 0, -1.0)
    configurations = [
        {"lr": each, "parameter": None, "is_tuned": True, "is_common": k == COMMON}
        for k, each in enumerate(lr)
    ]
    units = pd.DataFrame({"task": "t", "learner": "mlp", "loss": names})
    units["configurations"] = [configurations] * losses
    u, s, k = (x.ravel() for x in np.indices(grid.inner.shape))
    every = pd.DataFrame(
        {"task": "t", "learner": "mlp", "loss": np.array(names)[u], "seed": s, "lr": lr[k],
         "parameter": np.nan, "status": "done", "inner": grid.inner.ravel(), "detail": "",
         "key": np.arange(u.size), "place": k}
    )  # fmt: skip
    chosen, missing = choose(experiment(tasks=("t",), seeds=seeds, runs=0), units, every)
    assert missing.empty
    flat = grid.test.ravel()
    by_policy = {
        policy: flat[chosen.loc[chosen["policy"] == policy, "key"]].reshape(losses, seeds)
        for policy in POLICIES
    }
    shared = np.round(grid.tuning.mean(axis=1), 10).argmax(axis=1)
    return by_policy | {SHARED: grid.test[np.arange(losses), :, shared]}


def false_verdicts(scores, questions_of, experiments):
    """How many experiments have a verdict of better or worse where nothing is."""
    false = 0
    for number in range(experiments):
        decisions = decide(questions_of(scores, number), RULES, POINTS, "seed", sensitivity=False)
        false += bool(DECIDED & {decision.verdict for decision in decisions})
    return false


def bound_of(experiments):
    """As many false verdicts at most as a level of 5 % yields in 97.5 % of such measurements."""
    return int(scipy_stats.binom.ppf(0.975, experiments, 0.05))


def print_table(title, experiments, rows):
    """False verdicts by policy, as Markdown."""
    policies = list(next(iter(rows.values())))
    print(f"\n{title}: false verdicts of {experiments} (at most {bound_of(experiments)})\n")
    print(f"| {' | '.join(['', *policies])} |")
    print(f"|---|{'---:|' * len(policies)}")
    for name, counts in rows.items():
        cells = [f"{counts[policy]} ({counts[policy] / experiments:.1%})" for policy in policies]
        print(f"| {' | '.join([name, *cells])} |")


RESPONSES = {
    "flat": (0.0,) * 6,
    "peaked": (-0.02, -0.006, 0.0, -0.002, -0.01, -0.04),
    "cliff": (-0.03, -0.01, -0.003, 0.0, -0.001, -0.3),
}
SCENARIOS = {
    f"{name}, luck {100 * luck:g} points": (response, luck)
    for name, response in RESPONSES.items()
    for luck in (0.005, 0.01, 0.015)
}
"""How the mean score responds to the rate, and the standard deviation of a learner's luck."""

TASKS, CANDIDATES, BASELINES, SEEDS = 2, 3, 2, 20
EXPERIMENTS = 1000


def simulated_grid(rng, response, spread, losses):
    """Losses of one task without any effect: a learner's luck is on inner_valid and on test."""
    count = SEEDS + TUNING_SEEDS
    difficulty = rng.normal(0.9, 0.01, (count, 1))
    luck = rng.normal(0, spread, (losses, count, len(response)))
    score = difficulty + np.array(response) + luck
    # Splits of 500 and 1000 examples.
    inner, test = (rng.binomial(n, np.clip(score, 0.01, 0.99)) / n for n in (500, 1000))
    return Grid(inner[:, TUNING_SEEDS:], test[:, TUNING_SEEDS:], inner[:, :TUNING_SEEDS])


def test_families_without_an_effect_are_rarely_called_one_with_tuning_inside():
    losses, rows = CANDIDATES + BASELINES, {}
    for place, (name, (response, luck)) in enumerate(SCENARIOS.items()):
        rng = np.random.default_rng((5, place))
        parts = [simulated_grid(rng, response, luck, losses) for _ in range(EXPERIMENTS * TASKS)]
        grid = Grid(*(np.concatenate(each) for each in zip(*parts, strict=True)))

        def family(scores, number):
            own = scores.reshape(EXPERIMENTS, TASKS, losses, SEEDS)[number]
            return [
                Question("a", "b", a, b)
                for task in own
                for a, b in itertools.product(task[:CANDIDATES], task[CANDIDATES:])
            ]

        rows[name] = {
            policy: false_verdicts(scores, family, EXPERIMENTS)
            for policy, scores in chosen_scores(grid).items()
        }
    print_table("Simulated families of 12 comparisons, 20 seeds, 6 rates", EXPERIMENTS, rows)
    assert all(counts["per_seed"] <= bound_of(EXPERIMENTS) for counts in rows.values())
    # A policy that shares a choice shares its luck: the table must be able to show it.
    assert max(counts[SHARED] for counts in rows.values()) > 2 * bound_of(EXPERIMENTS)


FAMILIES = ("digits", "spirals", "gaussian_quantiles")
RATES = (0.0003, 0.001, 0.003, 0.01, 0.03)
POOL, DRAWN, COMPARISONS, STEPS = 240, 20, 200, 200


def trained(name):
    """Accuracy on inner_valid and test [2, POOL, K] of two learners for each seed, under
    cross-entropy: the same data, other initial weights, other minibatches."""
    import torch

    from bench.cells.loss_ref import reference
    from bench.cells.seeds import Purpose, seed_for
    from bench.cells.training import TASK
    from bench.tasks.resolve import resolve
    from mln.config import LearnerSpec, LossSpec, TrainingSpec
    from mln.kernels import engine
    from mln.problem import make_problem
    from mln.random import child
    from mln.rollout import Members, RolloutOptions

    torch.set_num_threads(1)
    learner, loss = LearnerSpec(hidden=(16,)), reference("ce", LossSpec())
    kernel = engine.choose(learner, "ce", "cpu")
    draw, parts = resolve(name).source(test=True), []
    for start in range(0, POOL, 40):
        seeds = [seed_for(11, Purpose.TEST, index) for index in range(start, start + 40)]
        tasks = [draw(child(seed, TASK)) for seed in seeds]
        problem = make_problem(
            tasks * 2,
            [child(seed, which) for which in (1, 2) for seed in seeds],
            learner,
            TrainingSpec(steps=STEPS, batch_size=32),
            ("inner_valid", "test"),
        )
        slots = np.repeat(np.arange(2 * len(seeds)), len(RATES))
        result = engine.rollout(
            problem,
            Members(slots, np.tile(RATES, 2 * len(seeds))),
            loss.stacked(slots.size, problem.classes, "cpu", None),
            [STEPS],
            RolloutOptions("cpu"),
            kernel,
        )
        shape = 2, len(seeds), len(RATES)
        parts.append(
            [result.scores[x].accuracy[:, -1].reshape(shape) for x in ("inner_valid", "test")]
        )
    inner, test = (np.concatenate(each, axis=1) for each in zip(*parts, strict=True))
    return np.nan_to_num(inner.astype(float)), np.nan_to_num(test.astype(float))


def resampled(rng, inner, test):
    """COMPARISONS experiments of DRAWN seeds and TUNING_SEEDS others, two losses each.

    Which of a seed's two learners is the candidate is drawn, too: the mean difference of one
    fixed labelling of the pool is not zero.
    """
    parts = []
    for _ in range(COMPARISONS):
        seeds = rng.permutation(POOL)[: DRAWN + TUNING_SEEDS]
        first = rng.integers(0, 2, seeds.size)
        own, shown = (
            np.stack([scores[first, seeds], scores[1 - first, seeds]]) for scores in (inner, test)
        )
        parts.append(
            Grid(own[:, TUNING_SEEDS:], shown[:, TUNING_SEEDS:], own[:, :TUNING_SEEDS])
        )  # fmt: skip
    return Grid(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def test_cross_entropy_is_no_better_than_itself():
    def pair(scores, number):
        return [Question("ce", "ce", scores[2 * number], scores[2 * number + 1])]

    rows = {}
    for place, name in enumerate(FAMILIES):
        grid = resampled(np.random.default_rng((6, place)), *trained(name))
        rows[name] = {
            policy: false_verdicts(scores, pair, COMPARISONS)
            for policy, scores in chosen_scores(grid).items()
        }
    print_table("Cross-entropy against itself, 20 seeds, 5 rates", COMPARISONS, rows)
    assert all(counts["per_seed"] <= bound_of(COMPARISONS) for counts in rows.values())
    assert max(counts[SHARED] for counts in rows.values()) > 2 * bound_of(COMPARISONS)
