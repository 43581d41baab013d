"""Specifications: what they accept."""

from typing import Any

import pytest

from bench.experiment.model import Experiment
from mln.config import ADAPTIVE_STATE, LossSpec


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"kind": "neural"}, "kind must be one of network, adaptive, taylor"),
        ({"features": "q,y"}, "features must be one of"),
        ({"hidden": 0}, "hidden must be"),
        ({"depth": 9}, "depth must be"),
        ({"state": ("progres",)}, "'progres' is not one of progress"),
        ({"state": ("drop", "drop")}, "twice"),
        ({"scope": "vector"}, "needs classes"),
        ({"classes": 3}, "classes is for scope 'vector'"),
        ({"kind": "adaptive", "head": "gate"}, "head has no meaning for kind 'adaptive'"),
        ({"kind": "adaptive", "hidden": 6}, "hidden has no meaning for kind 'adaptive'"),
        ({"kind": "adaptive", "max_q": 1.5}, "max_q must lie between 0 and 1, not 1.5"),
        ({"kind": "adaptive", "max_tau": float("nan")}, "max_tau must lie between"),
        ({"max_eps": 0.5}, "max_eps has no meaning for kind 'network'"),
        ({"kind": "taylor", "state": ("drop",)}, "state has no meaning for kind 'taylor'"),
    ],
)
def test_a_wrong_value_names_its_key(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LossSpec(**keys)


def test_an_experiment_and_json_give_the_same_specification() -> None:
    keys = {"kind": "adaptive", "max_q": 0.6, "state": ["progress", "drop"]}
    experiment = Experiment.model_validate(
        {"name": "x", "evolution": {"families": ["moons"], "loss": keys}}
    )
    assert experiment.evolution is not None
    assert experiment.evolution.loss == LossSpec(**keys)  # type: ignore[arg-type]
    assert LossSpec(**keys).state == ("progress", "drop")  # type: ignore[arg-type]
    assert len({LossSpec(**keys), experiment.evolution.loss}) == 1  # type: ignore[arg-type]


def test_the_state_of_an_adaptive_loss_is_its_own_unless_it_is_named() -> None:
    assert LossSpec().state == ()
    assert LossSpec(kind="adaptive").state == ADAPTIVE_STATE
    assert LossSpec(kind="adaptive", state=()).state == ()
    for keys in ({"kind": "adaptive"}, {"kind": "adaptive", "state": []}):
        experiment = Experiment.model_validate(
            {"name": "x", "evolution": {"families": ["moons"], "loss": keys}}
        )
        assert experiment.evolution is not None
        stored = experiment.model_dump(mode="json")["evolution"]["loss"]
        assert LossSpec(**stored) == experiment.evolution.loss == LossSpec(**keys)  # type: ignore[arg-type]
