"""Specifications: what they accept, and the genomes they have."""

from typing import Any

import numpy as np
import pytest
import torch
from test_mln.helpers import SPECS, VECTOR
from torch.nn import functional

from bench.experiment.model import Experiment
from mln.config import STATE_FEATURES, LossSpec
from mln.genome import imitation, start_genome
from mln.layout import layout
from mln.losses.hyper import HyperLoss
from mln.losses.meta import stacked_from_genomes
from mln.losses.probe import probe


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


def test_sizes_of_genomes() -> None:
    assert layout(LossSpec()).size == 33
    assert layout(LossSpec(head="gate", state=STATE_FEATURES)).size == 125
    assert layout(LossSpec(kind="hyper", hidden=6, state=STATE_FEATURES)).size == 88
    assert layout(LossSpec(kind="taylor")).size == 8
    assert layout(LossSpec(features="logp,p,y", hidden=4, depth=2)).size == 12 + 4 + 20 + 5


def test_the_default_genome_is_w_p_w_y_b_v_c() -> None:
    theta = np.random.default_rng(0).standard_normal((2, 33))
    w_p, w_y, b, v, c = (
        torch.from_numpy(w)[..., None, None] for w in np.split(theta, [8, 16, 24, 32], 1)
    )
    z = torch.from_numpy(np.random.default_rng(1).standard_normal((2, 3, 5)))
    y = functional.one_hot(torch.zeros(2, 5, dtype=torch.long), 3).transpose(1, 2).double()
    p = z.softmax(1)[:, None]
    expected = (v * torch.tanh(w_p * p + w_y * y[:, None] + b)).sum(1) + c[:, 0]
    ours = stacked_from_genomes(LossSpec(), torch.from_numpy(theta), 3, normalise=False)
    torch.testing.assert_close(ours.value(z, y), expected.mean(1))


@pytest.mark.parametrize("spec", [*SPECS.values(), VECTOR], ids=[*SPECS, "vector"])
def test_every_imitation_points_where_cross_entropy_points(spec: LossSpec) -> None:
    genome = start_genome(spec, np.random.default_rng(0))
    assert genome.shape == (layout(spec).size,)
    classes = spec.classes or 4
    z, y = probe(classes)
    p = z.softmax(0)
    loss = stacked_from_genomes(spec, torch.tensor(genome)[None].double(), classes)
    ours = loss.gradient(p[None], y[None])[0]
    cosine = functional.cosine_similarity(ours.flatten(), (p - y).flatten(), dim=0)
    # A quadratic slope cannot follow -1/p.
    assert cosine > (0.75 if spec.kind == "taylor" else 0.95)


def test_random_start_differs_by_generator() -> None:
    spec = LossSpec(kind="hyper", start="random", state=("drop",))
    genomes = [start_genome(spec, np.random.default_rng(seed)) for seed in (0, 1)]
    assert not np.array_equal(*genomes)
    assert not np.array_equal(genomes[0], imitation(spec))


def test_a_hyper_loss_starts_at_cross_entropy_with_units_that_can_move_it() -> None:
    spec = LossSpec(kind="hyper", hidden=6, state=STATE_FEATURES)
    theta = torch.tensor(imitation(spec))[None]
    loss = HyperLoss(spec, theta, 3)
    for stage in ("early", "late"):
        loss.state.hold(stage)
        assert all(float(exponent) == 0 for exponent in loss.exponents())
    theta[:, -28:-22] = 1.0  # output weights of q
    moved = HyperLoss(spec, theta, 3)
    found = []
    for stage in ("early", "late"):
        moved.state.hold(stage)
        found.append(float(moved.exponents()[0]))
    assert found[0] != found[1]


def test_a_vector_loss_refuses_other_numbers_of_classes() -> None:
    with pytest.raises(ValueError, match="for 3 classes, not for 4"):
        stacked_from_genomes(VECTOR, torch.zeros(1, layout(VECTOR).size), 4)
