"""Laws set by hand: their exponents are what is written, in every state."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mln.config import LossSpec
from mln.laws import CONSTANT, EXPONENTS, Law, adaptive, law, robust, robust_schedule
from mln.layout import EXPONENTS as GENES
from mln.layout import layout
from mln.losses.adaptive import AdaptiveLoss
from mln.losses.meta import stacked_from_genomes


def exponents(made: Law, **state: float) -> dict[str, float]:
    """q, eps, gamma and tau of a law in a state, straight from the loss."""
    loss = stacked_from_genomes(made.spec, torch.tensor([made.genome]), 4)
    assert isinstance(loss, AdaptiveLoss)
    if made.spec.state:
        row = [state[name] for name in made.spec.state]
        loss.state.features = torch.tensor([row + [0.0] * (-len(row) % 8)])
    return {name: value.item() for name, value in zip(EXPONENTS, loss.exponents(), strict=True)}


def test_genes_are_in_the_order_of_the_form() -> None:
    assert EXPONENTS == GENES
    for made in (robust(None), robust_schedule(None)):
        assert len(made.genome) == layout(made.spec).size


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 1), st.floats(0, 1), st.floats(-1, 1), st.floats(0, 0.3), st.floats(0, 2))
def test_a_law_has_the_exponents_that_it_names(progress, accuracy, weight, eps, gamma) -> None:
    q = {CONSTANT: 0.2, "accuracy": weight, "progress": 0.5}
    made = law(adaptive("progress", "accuracy"), q=q, eps=eps, gamma=gamma)
    found = exponents(made, progress=progress, accuracy=accuracy)
    expected = np.clip(0.2 + weight * accuracy + 0.5 * progress, 0, 1)
    assert found == pytest.approx({"q": expected, "eps": eps, "gamma": gamma, "tau": 0}, abs=1e-6)


def test_the_controls_are_the_laws_that_their_descriptions_say() -> None:
    constant = {"eps": 0.1, "gamma": 0.0, "tau": 1.0}
    assert exponents(robust(None)) == pytest.approx({"q": 0.3, **constant})
    assert exponents(robust(0.7)) == pytest.approx({"q": 0.7, **constant})
    for progress, drop, q in ((0, 0, 0.05), (0.5, 0, 0.35), (1, 0.1, 0.35), (0.2, 0.4, 0.0)):
        found = exponents(robust_schedule(None), progress=progress, drop=drop)
        assert found == pytest.approx({"q": q, **constant}, abs=1e-6)


@pytest.mark.parametrize(
    ("spec", "given_exponents", "message"),
    [
        (LossSpec(), {}, "kind adaptive"),
        (adaptive(), {"beta": 0.1}, "'beta' is not one of q, eps, gamma, tau"),
        (adaptive(), {"q": {"progress": 1}}, "q: 'progress' is not one of constant"),
        (adaptive(), {"q": 1.5}, "q must lie between 0 and 1"),
        (LossSpec(kind="adaptive", max_q=0.0), {"q": {CONSTANT: 0.1}}, "q: has no range"),
    ],
)
def test_a_law_that_the_form_cannot_hold_is_refused(spec, given_exponents, message) -> None:
    with pytest.raises(ValueError, match=message):
        law(spec, **given_exponents)
