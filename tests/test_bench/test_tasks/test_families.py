"""Families: shapes, determinism, the isolated test split, and that there is something to learn."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import SeedSequence
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from bench.errors import InputError
from bench.tasks.base import Concern, balanced_labels, random_ranks, stratified_order
from bench.tasks.catalogue import available, self_contained
from bench.tasks.families import digits
from bench.tasks.families import synthetic as families
from bench.tasks.resolve import mixture, resolve
from mln.task import Split, Task

NAMES = self_contained()
SYNTHETIC = [family.name for family in families.SYNTHETIC]
quick = settings(max_examples=30, deadline=None)
seeds = st.integers(0, 2**32).map(SeedSequence)


def splits(task: Task) -> list[Split]:
    every = [task.train, task.inner_valid, task.outer_valid, task.test]
    return [split for split in every if split is not None]


def bits(task: Task) -> list[bytes]:
    return [array.tobytes() for split in splits(task) for array in split]


@quick
@given(st.sampled_from(NAMES), seeds)
def test_shapes_types_and_classes(name: str, seed: SeedSequence) -> None:
    ref = resolve(name)
    task = ref.source(test=True)(seed)
    assert (task.name, task.features, task.classes) == (name, *ref.shape)
    assert len(splits(task)) == 4
    for x, y in splits(task):
        assert x.dtype == np.float32
        assert y.dtype == np.int64
        assert x.shape == (y.size, task.features)
        assert np.isfinite(x).all()
        assert set(y) == set(range(task.classes))
        assert x.flags.writeable
        assert y.flags.writeable


@quick
@given(st.sampled_from(SYNTHETIC), seeds)
def test_synthetic_sizes_balance_and_scale(name: str, seed: SeedSequence) -> None:
    task = resolve(name).source(test=True)(seed)
    train, *others = splits(task)
    assert 60 <= train.y.size <= 200
    assert [split.y.size for split in others] == [200, 512, 1000]
    for split in splits(task):
        assert np.ptp(np.bincount(split.y)) <= 1
    np.testing.assert_allclose(train.x.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(train.x.std(axis=0), 1, atol=1e-5)


@quick
@given(st.sampled_from(NAMES), seeds)
def test_a_task_is_a_pure_function_of_its_seed(name: str, seed: SeedSequence) -> None:
    with_test, without = (resolve(name).source(test=test) for test in (True, False))
    assert bits(with_test(seed)) == bits(pickle.loads(pickle.dumps(with_test))(seed))
    assert bits(without(seed)) == bits(with_test(seed).without_test())
    assert without(seed).test is None


@pytest.mark.parametrize("name", NAMES)
def test_seeds_give_different_tasks(name: str) -> None:
    draw = resolve(name).source(test=False)
    assert bits(draw(SeedSequence(0))) != bits(draw(SeedSequence(1)))


@pytest.mark.parametrize("name", SYNTHETIC)
def test_test_examples_are_not_built_unless_asked_for(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[int] = []
    original = families.generator

    def recorded(seed: SeedSequence, *key: int) -> np.random.Generator:
        used.extend(key)
        return original(seed, *key)

    monkeypatch.setattr(families, "generator", recorded)
    resolve(name).source(test=False)(SeedSequence(3))
    assert Concern.TEST not in used
    resolve(name).source(test=True)(SeedSequence(3))
    assert Concern.TEST in used


def test_synthetic_splits_share_no_example() -> None:
    for name in SYNTHETIC:
        task = resolve(name).source(test=True)(SeedSequence(5))
        x = np.concatenate([split.x for split in splits(task)])
        assert len(np.unique(x, axis=0)) == len(x)


@quick
@given(seeds)
def test_digits_test_split_is_fixed_and_apart(seed: SeedSequence) -> None:
    test, rest = digits.test_and_rest()
    parts = [test, *digits.Digits().indices(seed)]
    everything = np.concatenate(parts)
    assert [part.size for part in parts] == [539, 858, 200, 200]
    assert len(np.unique(everything)) == everything.size == digits.examples().y.size
    assert not set(test) & set(rest)
    drawn = resolve("digits").source(test=True)(seed).test
    assert drawn is not None
    np.testing.assert_array_equal(drawn.x, digits.examples().x[test])
    np.testing.assert_array_equal(drawn.y, digits.examples().y[test])


def test_digits_never_trains_or_validates_on_a_test_image() -> None:
    test = {image.tobytes() for image in digits.examples().x[digits.test_and_rest()[0]]}
    draw = resolve("digits").source(test=False)
    for seed in range(20):
        for split in splits(draw(SeedSequence(seed))):
            assert not test & {image.tobytes() for image in split.x}


def test_digits_splits_are_stratified() -> None:
    for split in splits(resolve("digits").source(test=True)(SeedSequence(1))):
        whole = np.bincount(digits.examples().y) / digits.examples().y.size
        assert np.abs(np.bincount(split.y) - whole * split.y.size).max() < 2.5


def accuracies(name: str) -> np.ndarray:
    """k-nearest-neighbour and linear accuracy [12, 2] on outer_valid."""
    rows = []
    for index in range(12):
        task = resolve(name).source(test=False)(SeedSequence([7, index]))
        models = (KNeighborsClassifier(5), LogisticRegression(max_iter=500))
        rows.append([model.fit(*task.train).score(*task.outer_valid) for model in models])
    return np.array(rows)


@pytest.mark.parametrize("name", SYNTHETIC)
def test_a_family_is_learnable_and_not_trivial(name: str) -> None:
    neighbours, linear = accuracies(name).mean(axis=0)
    assert neighbours > 1 / resolve(name).shape[1] + 0.25
    assert max(neighbours, linear) < 0.98


@pytest.mark.parametrize("name", ["circles", "xor", "checkerboard", "gaussian_quantiles"])
def test_some_families_are_beyond_a_linear_classifier(name: str) -> None:
    assert accuracies(name)[:, 1].mean() < 1 / resolve(name).shape[1] + 0.1


def test_a_mixture_draws_every_component_and_nothing_else() -> None:
    names = ["moons", "blobs_8+noise=0.2", "digits"]
    drawn = [mixture(names)(SeedSequence(index)) for index in range(40)]
    assert {task.name for task in drawn} == set(names)
    assert all(task.test is None for task in drawn)
    task = mixture(names, test=True)(SeedSequence(0))
    assert task.test is not None
    assert bits(task.without_test()) == bits(drawn[0])
    assert bits(task) == bits(resolve(task.name).source(test=True)(SeedSequence(0)))
    pickle.loads(pickle.dumps(mixture(names)))(SeedSequence(0))
    with pytest.raises(InputError, match="at least one"):
        mixture([])


def test_every_family_is_described() -> None:
    for info in available():
        assert info.description
        assert "\n" not in info.description
        assert "licence" in info.data or "CC BY" in info.data


@quick
@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.integers(0, 99))
def test_stratified_prefixes_keep_the_proportions(labels: list[int], seed: int) -> None:
    y = np.array([*labels, *range(5)])
    rng = np.random.default_rng(seed)
    order = stratified_order(y, rng)
    assert sorted(order) == list(range(y.size))
    for size in range(1, y.size):
        expected = np.bincount(y) * size / y.size
        assert np.abs(np.bincount(y[order[:size]], minlength=5) - expected).max() < 2.5
    ranks = random_ranks(y, rng)
    for label, count in enumerate(np.bincount(y)):
        assert sorted(ranks[y == label]) == list(range(count))
    assert np.ptp(np.bincount(balanced_labels(y.size, 5, rng))) <= 1


def test_a_minimum_per_class_comes_before_the_proportions() -> None:
    y = np.repeat([0, 1, 2], [200, 3, 2])
    order = stratified_order(y, np.random.default_rng(0), minimum=2)
    assert list(np.bincount(y[order[:6]])) == [2, 2, 2]
    assert list(np.bincount(y[order[:20]])) == [16, 2, 2]
