"""Specifications: what they accept."""

from typing import Any

import pytest

from bench.experiment.model import Experiment
from mln.config import LossSpec


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"kind": "neural"}, "kind must be one of network, hyper, taylor"),
        ({"features": "q,y"}, "features must be one of"),
        ({"hidden": 0}, "hidden must be"),
        ({"depth": 9}, "depth must be"),
        ({"state": ("progres",)}, "'progres' is not one of progress"),
        ({"state": ("drop", "drop")}, "twice"),
        ({"scope": "vector"}, "needs classes"),
        ({"classes": 3}, "classes is for scope 'vector'"),
        ({"kind": "hyper", "head": "gate"}, "head has no meaning for kind 'hyper'"),
        ({"kind": "taylor", "state": ("drop",)}, "state has no meaning for kind 'taylor'"),
    ],
)
def test_a_wrong_value_names_its_key(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LossSpec(**keys)


def test_an_experiment_and_json_give_the_same_specification() -> None:
    keys = {"kind": "hyper", "hidden": 6, "state": ["progress", "drop"]}
    experiment = Experiment.model_validate(
        {"name": "x", "evolution": {"families": ["moons"], "loss": keys}}
    )
    assert experiment.evolution is not None
    assert experiment.evolution.loss == LossSpec(**keys)  # type: ignore[arg-type]
    assert LossSpec(**keys).state == ("progress", "drop")  # type: ignore[arg-type]
    assert len({LossSpec(**keys), experiment.evolution.loss}) == 1  # type: ignore[arg-type]
