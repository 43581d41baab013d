"""Prototypes: from easy to hardly separable, classes in similar groups; and training sizes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import SeedSequence
from sklearn.linear_model import LogisticRegression

from bench.errors import InputError
from bench.tasks.families.prototypes import PROTOTYPES, prototypes
from bench.tasks.resolve import resolve

NAMES = [family.name for family in PROTOTYPES]


def linear_accuracies(name: str, tasks: int) -> np.ndarray:
    """Accuracy of logistic regression on outer_valid of so many tasks."""
    scores = []
    for index in range(tasks):
        task = resolve(name).source(test=False)(SeedSequence([7, index]))
        scores.append(LogisticRegression(max_iter=200).fit(*task.train).score(*task.outer_valid))
    return np.array(scores)


@pytest.mark.parametrize("family", PROTOTYPES, ids=NAMES)
def test_named_prototypes_have_the_declared_sizes(family) -> None:
    low, high = family.train_size
    sizes = []
    for index in range(10):
        task = resolve(family.name).source(test=True)(SeedSequence(index))
        assert task.test is not None
        assert task.train.x.shape[1] == task.test.x.shape[1] == family.features
        assert np.ptp(np.bincount(task.train.y, minlength=family.classes)) <= 1
        sizes.append(task.train.y.size)
    assert low <= min(sizes) < max(sizes) <= high


def test_prototypes_go_from_easy_to_hardly_separable() -> None:
    accuracy = linear_accuracies("prototypes_64_10", 16)
    assert accuracy.min() < 0.88
    assert accuracy.max() > 0.98
    assert accuracy.min() > 0.4


def test_classes_come_in_groups_of_similar_ones() -> None:
    """The class means have gaps: those within a group are much nearer than those between."""

    def nearness(classes: int) -> float:
        """The mean over tasks of the nearest distance of two class means by the median one."""
        ratios = []
        for index in range(12):
            sample = prototypes(np.random.default_rng(index), 32, classes)
            y = np.repeat(np.arange(classes), 200)
            x = sample(y, np.random.default_rng(99))
            means = np.stack([x[y == c].mean(0) for c in range(classes)])
            apart = np.linalg.norm(means[:, None] - means[None], axis=2)
            above = apart[np.triu_indices(classes, 1)]
            ratios.append(above.min() / np.median(above))
        return float(np.mean(ratios))

    assert nearness(10) < 0.45
    # Three classes are three groups: none of them is the neighbour of another.
    assert nearness(3) > 0.6


def test_prototypes_of_any_size() -> None:
    ref = resolve("prototypes: classes=5, features=12")
    assert ref.name == "prototypes:features=12,classes=5"
    assert ref.family.train_size == (300, 750)
    assert ref.source(test=False)(SeedSequence(1)).train.x.shape[1] == 12
    with pytest.raises(InputError, match="from 4 to 128"):
        resolve("prototypes:features=2,classes=5")
    with pytest.raises(InputError, match="from 2 to 32"):
        resolve("blobs:features=64,classes=5")


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from(["spirals", "blobs_8", "prototypes_16_4", "planar", "moons|circles"]),
    st.integers(20, 400),
    st.integers(0, 400),
)
def test_a_training_size_changes_the_training_split_alone(name: str, low: int, more: int) -> None:
    """The geometry and the validation examples stay, but for the scale of the training split."""
    ref = resolve(f"{name} + noise=0.2 + train={low}:{low + more}")
    width = f"{low}" if more == 0 else f"{low}:{low + more}"
    assert ref.name == f"{name}+train={width}+noise=0.2"
    assert ref.regime == "noise=0.2"
    assert resolve(ref.name) == ref
    seed = SeedSequence(3)
    task, usual = (one.source(test=False)(seed) for one in (ref, resolve(f"{name}+noise=0.2")))
    assert low <= task.train.y.size <= low + more
    assert task.name == ref.name
    np.testing.assert_array_equal(task.outer_valid.y, usual.outer_valid.y)
    for column in range(task.features):
        a, b = task.outer_valid.x[:, column], usual.outer_valid.x[:, column]
        assert np.corrcoef(a, b)[0, 1] == pytest.approx(1, abs=1e-5)


def test_the_size_a_family_has_anyway_is_not_spelled() -> None:
    assert resolve("spirals+train=60:200") == resolve("spirals")
    assert resolve("moons+train=300:300").name == "moons+train=300"
    # Regimes are checked against the new size.
    assert resolve("spirals+train=1000+imbalance=500").name == "spirals+train=1000+imbalance=500"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("digits+train=300", "is for generated families; of digits take a part by few="),
        ("moons|circles+train=1", "train must rise within 4 to 20000"),
        ("moons+train=300:200", "must rise"),
        ("moons+train=30000", "must rise within 4 to 20000"),
        ("moons+train=12.5", "a whole number or a range such as train=300:1500"),
        ("moons+train=", "a whole number or a range"),
        ("moons+train=20:30:40", "a whole number or a range"),
        ("moons+train=20+train=30", "give train once"),
        ("moons+trian=20", "did you mean 'train'"),
    ],
)
def test_bad_training_sizes_get_one_clear_line(name: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        resolve(name)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
