"""Policies against brute force: seeds are exchangeable, ties have an order, gaps are no choice."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bench.policies import COMMON, NONE, POLICIES, PRIMARY, Scores, per_seed, pooled, title_of

SAMPLES = 200
"""Accuracies are counts out of so many: ties are frequent, and their sums are not exact."""

Counts = NDArray[np.int64]
UNTRAINED = -1


@st.composite
def counts(draw: st.DrawFn, untrained: bool = True) -> Counts:
    """Right answers [S, K] out of SAMPLES; UNTRAINED where a cell is missing."""
    seeds, tried = draw(st.integers(1, 7)), draw(st.integers(1, 5))
    low = UNTRAINED if untrained else 0
    values = st.one_of(st.integers(low, 3), st.integers(150, SAMPLES))
    rows = st.lists(
        st.lists(values, min_size=tried, max_size=tried), min_size=seeds, max_size=seeds
    )
    return np.array(draw(rows), dtype=np.int64)


def scores(of: Counts) -> Scores:
    return np.where(of == UNTRAINED, np.nan, of / SAMPLES)


def first_best(totals: list[Fraction]) -> int:
    return max(range(len(totals)), key=lambda place: (totals[place], -place))


@given(counts())
def test_each_seed_takes_its_own_best(of: Counts) -> None:
    expected = [
        NONE if UNTRAINED in row else first_best([Fraction(int(count)) for count in row])
        for row in of
    ]
    assert per_seed(scores(of)).tolist() == expected


@given(counts())
def test_each_seed_takes_the_best_of_the_others(of: Counts) -> None:
    expected = []
    for seed in range(len(of)):
        others = [row for k, row in enumerate(of) if k != seed and UNTRAINED not in row]
        totals = [
            sum((Fraction(int(row[place]), SAMPLES) for row in others), Fraction())
            for place in range(of.shape[1])
        ]
        expected.append(first_best(totals) if others else NONE)
    assert pooled(scores(of)).tolist() == expected


@given(counts(), st.randoms(use_true_random=False))
def test_another_order_of_seeds_is_the_same_choices_in_that_order(of: Counts, random) -> None:
    order = list(range(len(of)))
    random.shuffle(order)
    for policy in (per_seed, pooled):
        assert policy(scores(of[order])).tolist() == policy(scores(of))[order].tolist()


@given(counts(untrained=False), st.integers(0, 6), st.randoms(use_true_random=False))
def test_a_seed_has_no_say_in_its_own_pooled_choice(of: Counts, seed: int, random) -> None:
    seed %= len(of)
    changed = of.copy()
    changed[seed] = [random.randint(0, SAMPLES) for _ in changed[seed]]
    assert pooled(scores(of))[seed] == pooled(scores(changed))[seed]
    unchanged = np.arange(len(of)) != seed
    assert np.array_equal(per_seed(scores(of))[unchanged], per_seed(scores(changed))[unchanged])


@given(counts(untrained=False), st.integers(0, 6))
def test_a_seed_that_lacks_a_cell_counts_for_nobody(of: Counts, seed: int) -> None:
    seed %= len(of)
    torn = of.copy()
    torn[seed, 0] = UNTRAINED
    rest = np.arange(len(of)) != seed
    for policy in (per_seed, pooled):
        if rest.any():
            assert np.array_equal(policy(scores(torn))[rest], policy(scores(of[rest])))
    assert per_seed(scores(torn))[seed] == NONE


def test_sums_in_another_order_break_no_tie() -> None:
    # 0.1 + 0.2 + 0.3 is not 0.3 + 0.2 + 0.1 in floating point.
    tied = np.array([[0.1, 0.3], [0.2, 0.2], [0.3, 0.1], [0.9, 0.0]])
    assert pooled(tied)[-1] == pooled(tied[:, ::-1])[-1] == 0


def test_small_cases_by_hand() -> None:
    table = np.array([[0.5, 0.9], [0.8, 0.7], [0.8, 0.6]])
    assert per_seed(table).tolist() == [1, 0, 0]
    assert pooled(table).tolist() == [0, 1, 1]
    assert per_seed(table[:1]).tolist() == [1]
    assert pooled(table[:1]).tolist() == [NONE]
    assert per_seed(np.array([[0.4, 0.4, 0.1]])).tolist() == [0]
    lacking = np.array([[np.nan, np.nan], [0.1, 0.2]])
    assert per_seed(lacking).tolist() == [NONE, 1]
    assert pooled(lacking).tolist() == [1, NONE]
    assert pooled(np.full((3, 2), np.nan)).tolist() == [NONE] * 3


def test_the_register_names_the_primary_policy_first() -> None:
    assert list(POLICIES) == [PRIMARY, "pooled", COMMON]
    assert [policy.name for policy in POLICIES.values()] == list(POLICIES)
    table = np.array([[0.5, 0.9], [0.8, 0.7]])
    chosen = {name: policy.choose for name, policy in POLICIES.items()}
    assert chosen[COMMON] is None
    for name, policy in ((PRIMARY, per_seed), ("pooled", pooled)):
        choose = chosen[name]
        assert choose is not None
        assert choose(table).tolist() == policy(table).tolist()
    assert title_of(COMMON) == "common rate"
    assert title_of("of somebody else") == "of somebody else"


@pytest.mark.parametrize("policy", [per_seed, pooled])
def test_no_seeds_are_no_choices(policy) -> None:
    assert policy(np.empty((0, 3))).tolist() == []
