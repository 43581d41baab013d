"""The shape of a loss as numbers: its value and its gradient against a probability."""

from typing import NotRequired, TypedDict

import numpy as np
import torch

from mln.losses.base import StackedLoss, state_of
from mln.losses.probe import gradient_scale
from mln.losses.state import NEUTRAL

CURVE_POINTS = 99
CLASSES = 10


class LossCurve(TypedDict):
    """One curve. kind "value": the loss of an example whose true class has probability p, with
    0 at p = 1; kind "gradient": dl/dz of the true class (target 1), or of a rival that has p
    while the true class has 1 - p (target 0).

    state: the neutral state ("early", "middle" or "late") of a loss that depends on one.
    """

    loss: str
    kind: str
    target: int
    p: list[float]
    y: list[float]
    state: NotRequired[str]


def shape(name: str, loss: StackedLoss, classes: int = CLASSES) -> list[LossCurve]:
    """Curves of one loss (P = 1) made for tasks of C classes, in cross-entropy's gradient scale.

    Every loss is divided by the RMS of its gradient on the probe, relative to cross-entropy's
    (that of a loss with a state in the state "middle"): two losses that differ by a factor alone
    have the same shape.
    """
    state = state_of(loss)
    if state is None or not state.names:
        return _curves(name, loss, classes, float(gradient_scale(loss, classes, torch.float32)))
    state.hold("middle")
    scale = float(gradient_scale(loss, classes, torch.float32))
    curves = []
    for stage in NEUTRAL:
        state.hold(stage)
        for curve in _curves(name, loss, classes, scale):
            curve["state"] = stage
            curves.append(curve)
    state.hold("middle")
    return curves


def _curves(name: str, loss: StackedLoss, classes: int, scale: float) -> list[LossCurve]:
    p = np.linspace(0.01, 0.99, CURVE_POINTS)
    y = torch.zeros(1, classes, CURVE_POINTS)
    y[0, 0] = 1
    spread = _logits(p, (1 - p) / (classes - 1), classes)
    rival = _logits(1 - p, p * 1e-6, classes)
    rival[0, 1] = torch.from_numpy(np.log(p)).float()
    certain = _logits(np.full(1, 1 - 1e-6), np.full(1, 1e-6 / (classes - 1)), classes)
    at_one = loss.value(certain, y[..., :1])
    value = (loss.value(spread, y) - at_one)[0] * scale
    true = loss.gradient(spread.softmax(1), y)[0, 0] * scale
    other = loss.gradient(rival.softmax(1), y)[0, 1] * scale
    curves = (("value", 1, value), ("gradient", 1, true), ("gradient", 0, other))
    return [
        LossCurve(loss=name, kind=kind, target=whose, p=p.tolist(), y=curve.double().tolist())
        for kind, whose, curve in curves
    ]


def _logits(true: np.ndarray, others: np.ndarray, classes: int) -> torch.Tensor:
    """Log-probabilities [1, C, S] of the true class, first, and of all others."""
    logits = np.tile(np.log(others), (classes, 1))
    logits[0] = np.log(true)
    return torch.from_numpy(logits).float()[None]
