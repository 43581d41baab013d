"""Drifting tasks, and how it is measured what a learner makes of a drift."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import SeedSequence

from bench.catalogue.metrics import METRICS, DriftSteps, Measured
from bench.cells.drift_scores import drift_points
from bench.cells.loss_ref import reference
from bench.cells.training import Member, TrainingJob, train
from bench.errors import InputError
from bench.tasks.resolve import resolve
from mln.config import LearnerSpec, LossSpec, TrainingSpec
from mln.drift import Timing
from mln.task import Split, Task

SEEDS = [SeedSequence(index) for index in range(4)]


def before_and_after(name: str, seed: SeedSequence) -> list[tuple[Split, Split]]:
    task = resolve(name).source(test=True)(seed)
    assert task.drift is not None
    after = task.drift.after
    assert task.test is not None
    assert after.test is not None
    return [
        (task.train, after.train),
        (task.inner_valid, after.inner_valid),
        (task.outer_valid, after.outer_valid),
        (task.test, after.test),
    ]


@pytest.mark.parametrize("name", ["digits", "moons", "spirals+noise=0.2"])
def test_labels_drift_along_one_cycle_of_all_classes(name: str) -> None:
    for seed in SEEDS:
        pairs = before_and_after(f"{name}+label_drift=0.5", seed)
        y, new = pairs[0][0].y, pairs[0][1].y
        renamed = {int(a): int(b) for a, b in zip(y, new, strict=True)}
        label, length = renamed[0], 1
        while label != 0:
            label, length = renamed[label], length + 1
        assert length == len(renamed)
        for old, changed in pairs:
            assert old.x is changed.x
            assert [renamed[int(label)] for label in old.y] == list(changed.y)


def test_points_and_pictures_turn_by_a_quarter() -> None:
    for old, new in before_and_after("moons+rotation_drift=0.4", SEEDS[0]):
        np.testing.assert_array_equal(np.asarray(new.x)[:, 0], -np.asarray(old.x)[:, 1])
        np.testing.assert_array_equal(np.asarray(new.x)[:, 1], np.asarray(old.x)[:, 0])
    for old, new in before_and_after("digits+rotation_drift=0.4", SEEDS[0]):
        pictures = np.asarray(old.x).reshape(-1, 8, 8)
        np.testing.assert_array_equal(
            np.asarray(new.x).reshape(-1, 8, 8), np.rot90(pictures, axes=(1, 2))
        )
        np.testing.assert_array_equal(old.y, new.y)


def test_class_frequencies_become_a_long_tail() -> None:
    class_counts = []
    for seed in SEEDS:
        pairs = before_and_after("digits+prior_drift=0.5", seed)
        for old, new in pairs:
            assert len(old.y) == len(new.y)
            known = {row.tobytes() for row in np.asarray(old.x)}
            assert {row.tobytes() for row in np.asarray(new.x)} <= known
        class_counts.append(np.bincount(pairs[0][1].y, minlength=10))
    shares = np.sort(np.mean([np.sort(counts) for counts in class_counts], 0))[::-1]
    expected = 10 ** (-np.arange(10) / 9)
    assert np.abs(shares / shares.sum() - expected / expected.sum()).max() < 0.03
    assert len({int(counts.argmax()) for counts in class_counts}) > 1


def test_names_of_drifts() -> None:
    name = "digits+over=0.2+noise=0.1+label_drift=0.3:0.7"
    ref = resolve(name)
    assert ref.name == "digits+noise=0.1+label_drift=0.3:0.7+over=0.2"
    assert ref.drifts
    assert not resolve("digits+noise=0.1").drifts
    draw = ref.source(test=False)
    starts = {draw(seed).drift.start for seed in SEEDS}  # type: ignore[union-attr]
    assert len(starts) == len(SEEDS)
    assert all(0.3 <= start <= 0.7 for start in starts)
    assert resolve("digits+label_drift=0.5+over=0").name == "digits+label_drift=0.5"
    for bad, words in {
        "digits+over=0.2": "needs a drift",
        "digits+label_drift=0.5+prior_drift=0.5": "exclude each other",
        "digits+label_drift=1": "within 0.05 to 0.95",
        "wine+rotation_drift=0.5": "is for pictures and for points of the plane",
        "wine+blur=1": "is for tasks of pictures",
    }.items():
        with pytest.raises(InputError, match=words):
            resolve(bad)


@given(st.floats(0.05, 0.95), st.floats(0, 0.9), st.integers(2, 500))
def test_the_steps_around_a_drift_are_measured(start: float, width: float, steps: int) -> None:
    timing = Timing(start, width, steps)
    points = drift_points(timing, steps)
    assert points[0] == timing.first
    assert points[-1] == timing.last + 1
    assert all(1 <= point <= steps for point in points)


def test_adaptability_by_hand() -> None:
    timing = Timing(0.5, 0.0, 100)  # the 51st minibatch is the first of the changed task
    points = np.array([25, 50, 51, 75, 100])
    accuracy = np.array([0.5, 0.8, 0.2, 0.6, 0.8])

    def score(metric: str, accuracy: np.ndarray) -> float:
        compute = METRICS[metric].compute
        assert compute is not None
        drift = DriftSteps(timing.first, timing.last)
        of_curve, others = points != 51, np.full(5, np.nan)
        return compute(
            Measured(100, points, of_curve, others, accuracy, others, others, others, drift)
        )

    assert score("post_drift_accuracy", accuracy) == 0.2
    area = ((0.2 + 0.6) / 2 * 24 + (0.6 + 0.8) / 2 * 25) / 49
    assert score("post_drift_area", accuracy) == pytest.approx(area)
    # 95 % of 0.8 is reached between steps 75 and 100, 4/5 of the way, 45 steps after step 50.
    assert score("recovery_steps", accuracy) == pytest.approx(75 + 0.8 * 25 - 50)
    never = score("recovery_steps", np.minimum(accuracy, 0.5))
    assert never == pytest.approx(75 - 24 + (0.475 - 0.2) / 0.3 * 24 - 50)
    assert score("recovery_steps", np.array([0.5, 0.8, 0.2, 0.3, 0.3])) == 50
    lost = np.array([0.5, 0.8, 0.2, np.nan, np.nan])
    assert np.isnan(score("recovery_steps", lost))
    assert np.isnan(score("post_drift_area", lost))


def job(task: str, seeds: int) -> TrainingJob:
    members = tuple(Member(f"k{seed}", seed, 0.01) for seed in range(seeds))
    return TrainingJob(
        task,
        "unit",
        reference("ce", LossSpec()),
        members,
        5,
        LearnerSpec(hidden=(16,)),
        TrainingSpec(steps=60, batch_size=16),
        4,
        "analytic",
    )


def test_a_learner_falls_at_a_drift_and_rises_again() -> None:
    for outcome in train(job("digits+label_drift=0.5", 2)):
        assert set(outcome.metrics) == set(METRICS)
        scores = {name: value for name, value in outcome.metrics.items() if value is not None}
        assert outcome.curve["step"] == [15, 30, 31, 45, 60]
        assert scores["post_drift_accuracy"] < 0.2 < scores["accuracy"]
        assert scores["post_drift_accuracy"] < scores["post_drift_area"] < scores["accuracy"]
        assert 0 < scores["recovery_steps"] <= 30
        for name, value in scores.items():
            low, high = METRICS[name].low, METRICS[name].high
            scale = 60 if METRICS[name].is_time else 1
            assert low <= value <= (np.inf if high is None else high * scale), name


def test_a_cell_does_not_depend_on_when_its_neighbours_drift() -> None:
    name = "digits+label_drift=0.2:0.8+over=0.1"
    alone, together = train(job(name, 1)), train(job(name, 3))
    assert alone[0].metrics == together[0].metrics
    assert alone[0].curve == together[0].curve
    assert together[1].curve["step"] != together[2].curve["step"]


def kept(task: Task) -> list[int]:
    return [len(split.y) for split in (task.train, task.inner_valid, task.outer_valid)]


def test_a_drift_composes_with_what_comes_before_it() -> None:
    task, plain = (
        resolve(f"digits+few=60+noise=0.3{more}").source(test=False)(SEEDS[0])
        for more in ("+input_noise=1+label_drift=0.5", "")
    )
    assert task.drift is not None
    assert kept(task) == kept(plain) == kept(task.drift.after)
    np.testing.assert_array_equal(task.train.y, plain.train.y)
    assert np.std(np.asarray(task.train.x) - np.asarray(plain.train.x)) == pytest.approx(1, abs=0.1)
    assert task.drift.after.test is None
