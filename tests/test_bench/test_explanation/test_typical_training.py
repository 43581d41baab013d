"""Typical trainings under an adaptive loss."""

from pathlib import Path

import numpy as np
import pytest

from bench.explanation.nearest_loss import explain_loss
from bench.explanation.typical_training import (
    MOMENTS,
    TRAINING,
    TRAININGS,
    courses,
    training_table,
    training_values,
)
from mln.config import ADAPTIVE_STATE, LossSpec
from mln.files import SavedLoss
from mln.genome import imitation
from mln.layout import EXPONENTS
from reports.explanation.report import write_explanation

SPEC = LossSpec(kind="adaptive")


def saved(weights: dict[tuple[str, str], float], **constants: float) -> SavedLoss:
    """From weights and constants in units of the exponents themselves."""
    ranges = dict(zip(EXPONENTS, SPEC.ranges, strict=True))
    genes = np.zeros((4, 5))
    for (exponent, feature), weight in weights.items():
        place = ADAPTIVE_STATE.index(feature)  # type: ignore[arg-type]
        genes[EXPONENTS.index(exponent), place] = weight / ranges[exponent]
    last = [constants.get(name, 0.0) / ranges[name] for name in EXPONENTS]
    return SavedLoss(SPEC, np.concatenate([genes.ravel(), last]).astype(np.float32), {})


def test_exponents_follow_the_law_in_every_training() -> None:
    """q = progress - 2 drop; tau = accuracy: what each training is shows in them."""
    loss = saved({("q", "progress"): 1, ("q", "drop"): -2, ("tau", "accuracy"): 1})
    found = {course.training: course for course in courses(loss.spec, loss.genome)}
    assert list(found) == list(TRAININGS)
    steps = TRAINING.steps
    progress = np.arange(steps) / steps
    for course in found.values():
        assert course.exponents.shape == (steps, 4)
        assert (course.exponents[:, 0] <= progress + 1e-6).all()
        np.testing.assert_allclose(course.exponents[:, 3], course.accuracy, atol=1e-6)
        assert not course.exponents[:, 1:3].any()
    clean, drifting = found["clean"], found["drifting"]
    np.testing.assert_allclose(clean.exponents[:200], drifting.exponents[:200])
    assert clean.accuracy[-1] > 0.9 > 0.75 > found["noisy"].accuracy[-1]
    after = slice(205, 225)
    assert (drifting.exponents[after, 0] < clean.exponents[after, 0] - 0.1).all()
    frequencies = found["imbalanced"].memory[-1, 5:]
    assert frequencies.max() > 4 * frequencies.min()


@pytest.mark.parametrize(
    ("constants", "training", "family", "value"),
    [
        ({"q": 0.7}, "clean", "gce", 0.7),
        ({"eps": 0.2}, "noisy", "label_smoothing", 0.2),
        ({"gamma": 2.0}, "drifting", "focal", 2.0),
        ({"tau": 1.0}, "imbalanced", "logit_adjusted", 1.0),
        ({}, "imbalanced", "ce", None),
    ],
)
def test_the_nearest_hand_made_loss_is_recognised(
    constants: dict[str, float],
    training: str,
    family: str,
    value: float | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "bench.explanation.typical_training.TRAININGS", {training: TRAININGS[training]}
    )
    loss = saved({}, **constants)
    (course,) = courses(loss.spec, loss.genome)
    part = training_values(course, loss)
    assert len(part["moments"]) == len(MOMENTS)
    fit = part["moments"][-1]["nearest"]
    assert fit["family"] == family
    assert fit["value"] == (value if value is None else pytest.approx(value, abs=0.02))
    assert fit["r2"] > 0.999


def test_the_page_of_an_adaptive_loss_has_its_law_and_its_trainings(tmp_path: Path) -> None:
    loss = saved({("q", "progress"): 0.83, ("q", "drop"): -0.3}, q=-0.2, eps=0.2, tau=0.8)
    explanation = explain_loss("adaptive", loss)
    paths = write_explanation(explanation, tmp_path)
    assert tmp_path / "figures/trainings.png" in paths
    text = paths[0].read_text()
    for each in explanation["law"]:
        assert f"<code>{each['formula']}</code>" in text
    rows = training_table(explanation)
    assert len(rows) == len(TRAININGS) * len(MOMENTS)
    for row in rows:
        assert str(row["nearest hand-made loss"]) in text
    network = explain_loss("initial", SavedLoss(LossSpec(), imitation(LossSpec()), {}))
    assert network["law"] == network["trainings"] == []
