"""Regimes: exactly what they promise, to the training split and nothing else; names and errors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import SeedSequence

from bench.errors import InputError
from bench.tasks.catalogue import self_contained
from bench.tasks.regimes.catalogue import REGIMES, available_regimes
from bench.tasks.resolve import mixture, resolve
from mln.task import Split, Task

NAMES = self_contained()
quick = settings(max_examples=40, deadline=None)
names = st.sampled_from(NAMES)
seeds = st.integers(0, 2**32).map(SeedSequence)
rates = st.floats(0.01, 0.5).map(lambda rate: round(rate, 3))
ratios = st.integers(2, 50)


def same(first: Split | None, second: Split | None) -> bool:
    assert first is not None
    assert second is not None
    return first.x.tobytes() == second.x.tobytes() and first.y.tobytes() == second.y.tobytes()


def pair(name: str, regimes: str, seed: SeedSequence) -> tuple[Task, Task]:
    """The task without and with regimes; all but the training split must be the same."""
    refs = resolve(name), resolve(f"{name}+{regimes}")
    clean, task = (ref.source(test=True)(seed) for ref in refs)
    assert same(clean.outer_valid, task.outer_valid)
    assert same(clean.test, task.test)
    assert task.train.x.dtype == np.float32
    assert task.train.y.dtype == np.int64
    return clean, task


def positions(clean: Task, task: Task) -> list[int]:
    """Where the training examples of `task` stand in that of `clean`."""
    place = {row.tobytes(): index for index, row in enumerate(clean.train.x)}
    return [place[row.tobytes()] for row in task.train.x]


@quick
@given(names, rates, seeds, st.sampled_from(["noise", "pairflip", "instance_noise"]))
def test_noise_flips_the_exact_number_of_training_labels(
    name: str, rate: float, seed: SeedSequence, kind: str
) -> None:
    clean, task = pair(name, f"{kind}={rate}", seed)
    assert clean.train.x.tobytes() == task.train.x.tobytes()
    assert same(clean.inner_valid, task.inner_valid)
    moved = (task.train.y - clean.train.y) % task.classes
    assert np.count_nonzero(moved) == round(rate * moved.size)
    assert set(task.train.y) <= set(range(task.classes))
    if kind == "pairflip":
        assert set(moved) <= {0, 1}


def test_symmetric_noise_moves_to_every_other_class_alike() -> None:
    moves = []
    for index in range(10):
        clean, task = pair("digits", "noise=0.5", SeedSequence(index))
        moves.append((task.train.y - clean.train.y) % 10)
    counts = np.bincount(np.concatenate(moves), minlength=10)[1:]
    assert np.abs(counts / counts.mean() - 1).max() < 0.2


@quick
@given(names, rates, seeds, st.sampled_from(["noise", "pairflip", "instance_noise"]))
def test_noisy_validation_changes_inner_valid_alone(
    name: str, rate: float, seed: SeedSequence, kind: str
) -> None:
    _, clean_valid = pair(name, f"{kind}={rate}+valid=clean", seed)
    _, noisy_valid = pair(name, f"valid=noisy+{kind}={rate}", seed)
    assert same(clean_valid.train, noisy_valid.train)
    assert clean_valid.inner_valid.x.tobytes() == noisy_valid.inner_valid.x.tobytes()
    flipped = clean_valid.inner_valid.y != noisy_valid.inner_valid.y
    assert flipped.sum() == round(rate * flipped.size)


@quick
@given(names, rates, rates, seeds)
def test_more_noise_flips_a_superset(
    name: str, first: float, second: float, seed: SeedSequence
) -> None:
    low, high = sorted([first, second])
    clean, weak = pair(name, f"noise={low}", seed)
    _, strong = pair(name, f"noise={high}", seed)
    changed = weak.train.y != clean.train.y
    assert (weak.train.y[changed] == strong.train.y[changed]).all()


@quick
@given(names, st.integers(20, 60), seeds)
def test_few_keeps_a_stratified_subset(name: str, labels: int, seed: SeedSequence) -> None:
    clean, task = pair(name, f"few={labels}", seed)
    assert same(clean.inner_valid, task.inner_valid)
    kept = positions(clean, task)
    assert len(set(kept)) == labels
    assert (clean.train.y[kept] == task.train.y).all()
    counts = np.bincount(task.train.y, minlength=task.classes)
    assert counts.min() >= 2
    expected = np.bincount(clean.train.y) * labels / clean.train.y.size
    assert np.abs(counts - expected).max() < 2.5


@pytest.mark.parametrize("name", NAMES)
def test_the_fewest_labels_are_two_per_class(name: str) -> None:
    _, classes = resolve(name).shape
    draw = resolve(f"{name}+few={2 * classes}").source(test=False)
    for index in range(10):
        task = draw(SeedSequence(index))
        assert (np.bincount(task.train.y) == 2).all()


@quick
@given(names, ratios, seeds, st.sampled_from(["imbalance", "step"]))
def test_imbalance_shrinks_classes_to_the_ratio(
    name: str, ratio: int, seed: SeedSequence, kind: str
) -> None:
    clean, task = pair(name, f"{kind}={ratio}", seed)
    assert same(clean.inner_valid, task.inner_valid)
    kept = positions(clean, task)
    assert (clean.train.y[kept] == task.train.y).all()
    before, after = np.bincount(clean.train.y), np.sort(np.bincount(task.train.y))[::-1]
    classes = task.classes
    shares = ratio ** (-np.arange(classes) / (classes - 1))
    if kind == "step":
        shares = np.where(np.arange(classes) < classes - classes // 2, 1, 1 / ratio)
    wanted = np.maximum(2, before.max() * shares)
    slack = np.ptp(before) + 1  # a class cannot exceed what it had
    assert (np.abs(after - wanted) <= slack).all()
    assert after.min() >= 2


def test_the_large_class_is_drawn_by_the_seed() -> None:
    draw = resolve("digits+imbalance=20").source(test=False)
    largest = {int(np.bincount(draw(SeedSequence(k)).train.y).argmax()) for k in range(40)}
    assert len(largest) >= 7


@quick
@given(names, seeds)
def test_regimes_combine_without_disturbing_each_other(name: str, seed: SeedSequence) -> None:
    clean, tail = pair(name, "imbalance=5", seed)
    _, both = pair(name, "noise=0.2+imbalance=5", seed)
    assert tail.train.x.tobytes() == both.train.x.tobytes()
    assert (tail.train.y != both.train.y).sum() == round(0.2 * tail.train.y.size)
    _, every = pair(name, "few=40+imbalance=3+pairflip=0.2+valid=noisy", seed)
    _, again = pair(name, "valid=noisy+pairflip=0.2+imbalance=3+few=40", seed)
    assert same(every.train, again.train)
    assert same(every.inner_valid, again.inner_valid)
    few = positions(clean, pair(name, "few=40", seed)[1])
    assert set(positions(clean, every)) <= set(few)


def test_a_range_draws_each_task_its_own_value() -> None:
    clean = resolve("blobs_2").source(test=False)
    noisy = resolve("blobs_2+noise=0.15:0.5").source(test=False)
    few = resolve("blobs_2+few=20:40").source(test=False)
    rates, sizes = [], []
    for index in range(60):
        seed = SeedSequence(index)
        rates.append(np.mean(clean(seed).train.y != noisy(seed).train.y))
        sizes.append(few(seed).train.y.size)
    assert 0.14 < min(rates) < 0.22
    assert 0.43 < max(rates) < 0.51
    assert set(sizes) <= set(range(20, 41))
    assert len(set(sizes)) > 10


def test_a_source_refuses_nothing_it_promised_to_draw() -> None:
    regimes = ["few=50", "imbalance=60", "step=60", "noise=0.5", "pairflip=0.5+valid=noisy"]
    for name in NAMES:
        for regime in regimes:
            ref = resolve(f"{name}+{regime}")
            task = ref.source(test=False)(SeedSequence(11))
            assert task.name == ref.name
            assert task.test is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("moons", "moons"),
        (" moons + noise = .40 ", "moons+noise=0.4"),
        ("digits+valid=noisy+noise=0.4", "digits+noise=0.4+valid=noisy"),
        ("moons+noise=0.3+few=50.0", "moons+few=50+noise=0.3"),
        ("digits+noise=2e-1+imbalance=20+few=300", "digits+few=300+imbalance=20+noise=0.2"),
        ("moons+noise=0.15:0.5", "moons+noise=0.15:0.5"),
        ("moons+noise=0.2:0.2", "moons+noise=0.2"),
        ("moons+noise=0+valid=noisy", "moons"),
        ("moons+imbalance=1+valid=clean", "moons"),
        ("moons+noise=0:0.3+valid=noisy", "moons+noise=0:0.3+valid=noisy"),
    ],
)
def test_canonical_names(name: str, expected: str) -> None:
    ref = resolve(name)
    assert ref.name == expected
    assert ref == resolve(expected)
    assert ref.source(test=False)(SeedSequence(0)).name == expected


@quick
@given(names, rates, st.integers(20, 60), ratios, st.permutations(range(4)))
def test_canonical_is_a_fixed_point_whatever_the_order(
    name: str, rate: float, labels: int, ratio: int, order: list[int]
) -> None:
    parts = [f"noise={rate}", f"few={labels}", f"imbalance={ratio}", "valid=noisy"]
    expected = f"{name}+few={labels}+imbalance={ratio}+noise={rate}+valid=noisy"
    assert resolve("+".join([name, *(parts[i] for i in order)])).name == expected
    assert resolve(expected).name == expected
    assert resolve(expected).shape == resolve(name).shape


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mons", "did you mean 'moons'"),
        ("Digits+noise=0.2", "did you mean 'digits'"),
        ("", "valid are: "),
        ("moons+nois=0.2", "did you mean 'noise'"),
        ("moons+", "valid are: blur"),
        ("moons+noise", "a number or a range such as noise=0:0.5"),
        ("moons+noise=a", "a number or a range"),
        ("moons+noise=nan", "a number or a range"),
        ("moons+noise=0.1:0.2:0.3", "a number or a range"),
        ("moons+noise=0.6", "within 0 to 0.5 on moons, not '0.6'"),
        ("spirals+noise=0.667", "within 0 to 0.666 on spirals"),
        ("digits+noise=-0.1", "within 0 to 0.9"),
        ("moons+noise=0.4:0.2", "must rise within"),
        ("moons+imbalance=inf", "within 1 to 200"),
        ("moons+few=100", "within 4 to 60"),
        ("digits+few=12", "within 20 to 858"),
        ("digits+few=50.5", "a whole number"),
        ("moons+noise=0.2+pairflip=0.2", "exclude each other"),
        ("moons+noise=0.2+noise=0.2", "exclude each other"),
        ("moons+step=3+imbalance=2", "exclude each other"),
        ("moons+valid=noisy", "needs noise="),
        ("moons+noise=0.2+valid=dirty", "valid=clean or valid=noisy"),
        ("moons+noise=0.2+valid=clean+valid=clean", "once"),
    ],
)
def test_bad_names_get_one_clear_line(name: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        resolve(name)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError):
        mixture(["moons", name])


def test_every_regime_shows_an_example_that_works() -> None:
    examples = [line.partition(":")[0] for line in available_regimes()]
    assert [example.partition("=")[0] for example in examples] == ["train", *REGIMES, "valid"]
    assert resolve(f"spirals+{examples[0]}").name == f"spirals+{examples[0]}"
    for example in examples[1:-1]:
        family = "cifar10" if REGIMES[example.partition("=")[0]].content else "digits"
        name = f"digits+label_drift=0.5+{example}" if "over=" in example else f"{family}+{example}"
        assert resolve(name).name == name
