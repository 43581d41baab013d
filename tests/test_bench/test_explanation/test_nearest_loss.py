"""Explaining a loss: known ones are recognised."""

import re

import numpy as np
import pytest
import torch

from bench.cells.loss_ref import LossRef
from bench.errors import InputError
from bench.explanation import nearest_loss as explain
from bench.explanation.fits import LOSS_FAMILIES, points
from bench.explanation.nearest_loss import explain_curves, explain_loss
from mln.config import LossSpec
from mln.files import SavedLoss
from mln.genome import imitation
from mln.losses.base import through_softmax
from mln.shape import CLASSES, shape
from reports.explanation.report import write_explanation

CE_LIKE = ("ce", "label_smoothing", "gce", "poly1", "focal")


def curves(kind: str, parameter: float | None = None):
    return shape("x", LossRef("x", kind, parameter).stacked(1, CLASSES, "cpu"))


def synthetic(gradient) -> list[dict[str, object]]:
    """Curves with any gradient dl/dz of probabilities and targets [1, C, S]."""
    p = np.linspace(0.01, 0.99, 99).tolist()
    where = points(p)
    true, rival = np.split(where.of(gradient(where.p, where.y))[0], 2)
    return [
        {"kind": "gradient", "target": 1, "p": p, "y": true.tolist()},
        {"kind": "gradient", "target": 0, "p": p, "y": rival.tolist()},
    ]


@pytest.mark.parametrize(
    ("family", "value"),
    [("gce", 0.5), ("focal", 2.0), ("label_smoothing", 0.2), ("poly1", 3.0), ("poly1", -0.4)],
)
def test_a_known_loss_is_recognised_with_its_parameter(family: str, value: float) -> None:
    fit = explain_curves(curves(family, value))["nearest"]
    assert fit["family"] == family
    assert fit["value"] == pytest.approx(value, abs=0.02)
    assert fit["r2"] > 0.999


@pytest.mark.parametrize("family", ["ce", "mse", "mae"])
def test_a_loss_without_parameter_wins_over_a_family_that_contains_it(family: str) -> None:
    fit = explain_curves(curves(family))["nearest"]
    assert (fit["family"], fit["parameter"]) == (family, None)
    assert fit["r2"] > 0.9999


def test_scale_is_free_and_sign_is_not() -> None:
    """A gradient written down independently: GCE with q = .5, five times as steep."""

    def gce(p: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return 5 * (p * y).sum(1, keepdim=True) ** 0.5 * (p - y)

    fit = explain_curves(synthetic(gce))["nearest"]
    assert (fit["family"], fit["value"]) == ("gce", pytest.approx(0.5, abs=0.02))
    assert fit["scale"] == pytest.approx(5)
    assert fit["r2"] > 0.999
    upside_down = explain_curves(synthetic(lambda p, y: -gce(p, y)))
    assert max(fit["r2"] for fit in upside_down["families"]) <= 0.1


def test_a_polynomial_is_recovered() -> None:
    def gradient(p: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        slope = 2 * 0.5 * p - 2 * y  # of 0.5 p^2 - 2 y p, mean over classes
        return through_softmax(p * slope, p) / CLASSES

    polynomial = explain_curves(synthetic(gradient))["polynomial"]
    expected = {"p^2": 0.5, "p^3": 0.0, "y p": -2.0, "y p^2": 0.0}
    assert polynomial["terms"] == pytest.approx(expected, abs=1e-6)
    assert polynomial["r2"] > 0.999999
    assert polynomial["formula"].startswith("0.5 p^2")


def test_the_ends_of_a_range_are_marked() -> None:
    fits = {fit["family"]: fit for fit in explain_curves(curves("mae"))["families"]}
    assert fits["gce"]["at_end"]
    assert "end of range" in fits["gce"]["label"]
    assert set(fits) == {family.kind for family in LOSS_FAMILIES}


def test_the_un_evolved_network_is_like_cross_entropy() -> None:
    explanation = explain_loss("initial", SavedLoss(LossSpec(), imitation(LossSpec()), {}))
    (state,) = explanation["states"]
    assert state["nearest"]["family"] in CE_LIKE
    assert state["nearest"]["r2"] > 0.9
    ce = next(fit for fit in state["families"] if fit["family"] == "ce")
    mae = next(fit for fit in state["families"] if fit["family"] == "mae")
    assert ce["r2"] > 0.9 > mae["r2"]


def test_every_state_of_training_is_explained(tmp_path, monkeypatch) -> None:
    def staged(name, loss):
        stages = {"first": curves("ce"), "last": curves("gce", 0.7)}
        if name != "staged":
            return shape(name, loss)
        return [
            {**curve, "loss": name, "state": state}
            for state, part in stages.items()
            for curve in part
        ]

    monkeypatch.setattr(explain, "shape", staged)
    explanation = explain_loss("staged", SavedLoss(LossSpec(), imitation(LossSpec()), {}))
    nearest = {part["state"]: part["nearest"]["label"] for part in explanation["states"]}
    assert nearest == {"first": "ce", "last": "gce (q = 0.7)"}
    assert {row["state"] for row in explain.table(explanation)} == {"first", "last"}
    (page, *_) = write_explanation(explanation, tmp_path)
    text = page.read_text()
    assert re.search(
        r"Nearest known loss:\s+first ce, 100\.0 %;\s+last gce \(q = 0\.7\), 100\.0 %", text
    )


def test_a_folder_that_cannot_be_written_is_bad_input(tmp_path) -> None:
    explanation = explain_loss("initial", SavedLoss(LossSpec(), imitation(LossSpec()), {}))
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write"):
        write_explanation(explanation, tmp_path / "file")
