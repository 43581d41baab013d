"""Gains in points of accuracy, or in nats where the fitness is a negative log-likelihood."""

import pytest
from test_studies.tiny import experiment

from bench.experiment.model import Experiment
from studies.gain_text import NATS, POINTS, gain_unit


@pytest.mark.parametrize(
    ("unit", "gain", "text"),
    [
        (POINTS, 0.0207, "+2.07 points"),
        (POINTS, -0.0001, "-0.01 points"),
        (NATS, 0.0207, "+0.0207 nats"),
        (POINTS, None, "– points"),
    ],
)
def test_a_gain_has_its_sign_and_its_unit(unit, gain, text):
    assert unit.text(gain) == text


@pytest.mark.parametrize(("metric", "unit"), [("accuracy", POINTS), ("nll", NATS)])
def test_the_unit_is_that_of_the_fitness(metric, unit):
    content = experiment().model_dump(mode="json")
    content["evolution"]["settings"]["fitness"]["metric"] = metric
    assert gain_unit(Experiment.model_validate(content)) is unit
