"""A loss of the register becomes what learners are trained under, or says why it cannot."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from bench.catalogue.losses import LOSSES, UNEVOLVED, LossEntry
from bench.cells.loss_ref import LossRef, reference
from bench.cells.training import Member, TrainingJob, train
from bench.cli.listing import listing
from bench.experiment.checks import load_checked
from mln.config import LearnerSpec, LossSpec, TrainingSpec
from mln.kernels import engine

CROSS_ENTROPY = "mln.losses.formulas:CrossEntropy"


@pytest.fixture(autouse=True)
def nothing_added() -> Iterator[None]:
    LOSSES.forget_added()
    yield
    LOSSES.forget_added()


def trained(name: str) -> dict[str, float | None]:
    """The scores of a learner under the loss of this name."""
    loss, learner = reference(name, LossSpec()), LearnerSpec(hidden=(8,))
    job = TrainingJob(
        "moons",
        "unit",
        loss,
        (Member("key", 0, 0.01),),
        5,
        learner,
        TrainingSpec(steps=20, batch_size=8),
        2,
        engine.choose(learner, loss.form, "cpu", "analytic"),
    )
    (outcome,) = train(job)
    assert outcome.status == "done"
    return outcome.metrics


@pytest.mark.parametrize("name", [name for name in LOSSES if name != UNEVOLVED])
def test_every_built_in_loss_names_its_formula_or_its_law(name: str) -> None:
    assert bool(LOSSES.get(name).formula) != bool(LOSSES.get(name).law)


@pytest.mark.parametrize("name", ["robust", "robust_schedule"])
def test_a_control_is_the_adaptive_loss_at_the_numbers_of_its_law(name: str) -> None:
    ref = reference(name, LossSpec())
    law = LOSSES.get(name).law_at(ref.parameter)
    assert law is not None
    assert ref.form == law.spec
    assert ref.form != reference("gce", LossSpec()).form == "gce"
    evolved = LossRef("mln_1", "mln", None, law.spec, law.genome)
    assert ref.identity() != evolved.identity()
    rng = np.random.default_rng(0)
    p = torch.tensor(rng.dirichlet(np.ones(4), (3, 5)), dtype=torch.float32).transpose(1, 2)
    y = torch.eye(4)[torch.tensor(rng.integers(4, size=(3, 5)))].transpose(1, 2)
    ours, theirs = (one.stacked(3, 4, "cpu").gradient(p, y) for one in (ref, evolved))
    assert torch.equal(ours, theirs)
    assert trained(name) != trained("ce")


def test_the_robust_control_is_tuned_over_its_q() -> None:
    tried = reference("robust", LossSpec()).tried(3)
    assert [ref.parameter for ref in tried] == [0.3, 0.2, 0.5]
    genomes = [LOSSES.get("robust").law_at(ref.parameter).genome for ref in tried]  # type: ignore[union-attr]
    assert [genome[0] for genome in genomes] == pytest.approx([0.3, 0.2, 0.5])
    assert len({genome[1:] for genome in genomes}) == 1


def test_an_entry_without_a_formula_is_refused_when_it_is_built() -> None:
    LOSSES.add(LossEntry("hollow", "says nothing of how it is computed", "this test"))
    ref = reference("hollow", LossSpec())
    with pytest.raises(ValueError, match="'hollow': has neither a formula, value nor stacked"):
        ref.stacked(2, 3, "cpu")
    with pytest.raises(ValueError, match="hollow"):
        trained("hollow")


def test_the_un_evolved_network_is_built_from_the_experiments_specification() -> None:
    spec = LossSpec(hidden=4)
    ref = reference(UNEVOLVED, spec)
    assert ref.spec == spec
    assert reference("ce", spec).spec is None
    assert len(ref.stacked(2, 3, "cpu")) == 2


def test_a_formula_added_to_the_register_is_as_good_as_a_built_in_one() -> None:
    LOSSES.add(LossEntry("own_ce", "cross-entropy again", "this test", formula=CROSS_ENTROPY))
    assert [row for row in listing("losses") if row["name"] == "own_ce"] == [
        {
            "name": "own_ce",
            "description": "cross-entropy again",
            "source": "this test",
            "parameter": None,
            "default": None,
            "grid": None,
        }
    ]
    losses = ["ce", "mse", "own_ce"]
    experiment = load_checked("quickstart", [f"benchmark.losses={losses}"])
    assert "own_ce" in experiment.losses()
    assert trained("own_ce") == trained("ce")


def test_a_formula_with_a_parameter_gets_one_for_each_learner() -> None:
    LOSSES.add(
        LossEntry(
            "own_gce",
            "generalised cross-entropy again",
            "this test",
            "q",
            (0.7, 0.4, 0.9, 0.2, 0.55),
            formula="mln.losses.formulas:GeneralisedCrossEntropy",
        )
    )
    assert [ref.parameter for ref in reference("own_gce", LossSpec()).tried(2)] == [0.7, 0.4]
    z = torch.tensor([[[1.0], [-1.0]]]).expand(2, 2, 1)
    y = torch.tensor([[[0.0], [1.0]]]).expand(2, 2, 1)
    own, built_in = (
        LossRef(name, name, 0.4).stacked(2, 2, "cpu").value(z, y) for name in ("own_gce", "gce")
    )
    assert torch.equal(own, built_in)
