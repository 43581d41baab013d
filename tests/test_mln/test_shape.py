"""Shapes of losses as numbers."""

import json

import numpy as np
import pytest
import torch
from test_mln.helpers import SPECS, VECTOR, some_genomes

from mln.config import LossSpec
from mln.layout import layout
from mln.losses.formulas import CrossEntropy
from mln.losses.meta import stacked_from_genomes
from mln.shape import shape


def test_a_loss_without_state_has_three_curves() -> None:
    curves = shape("ce", CrossEntropy(1))
    assert [(c["kind"], c["target"]) for c in curves] == [
        ("value", 1),
        ("gradient", 1),
        ("gradient", 0),
    ]
    assert all(set(c) == {"loss", "kind", "target", "p", "y"} for c in curves)
    p = np.array(curves[0]["p"])
    np.testing.assert_allclose(curves[0]["y"], -np.log(p), atol=1e-4)
    np.testing.assert_allclose(curves[1]["y"], p - 1, atol=1e-4)
    np.testing.assert_allclose(curves[2]["y"], p, atol=1e-4)


@pytest.mark.parametrize("spec", [*SPECS.values(), VECTOR], ids=[*SPECS, "vector"])
def test_every_kind_has_a_shape_in_each_of_its_states(spec: LossSpec) -> None:
    theta = torch.from_numpy(some_genomes(spec, 1)).float()
    classes = spec.classes or 10
    curves = shape("x", stacked_from_genomes(spec, theta, classes), classes)
    stages = ["early", "middle", "late"] if spec.state else [None]
    assert [curve.get("state") for curve in curves] == [s for s in stages for _ in range(3)]
    assert np.isfinite([curve["y"] for curve in curves]).all()
    json.dumps(curves)


def test_states_change_the_shape_and_the_loss_is_left_as_it_was() -> None:
    spec = LossSpec(kind="adaptive", state=("progress",))
    theta = torch.zeros(1, layout(spec).size)
    theta[:, 0] = 1.0  # q = progress
    loss = stacked_from_genomes(spec, theta, 10)
    first, second = shape("x", loss), shape("x", loss)
    assert first == second
    assert first[1]["y"] != first[7]["y"]
