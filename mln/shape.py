"""The shape of a loss as numbers: its value and its gradient against a probability."""

from typing import TypedDict

import numpy as np
import torch

from mln.losses.base import StackedLoss
from mln.losses.meta import SMALLEST_RMS, probe, rms

POINTS = 99
CLASSES = 10


class Curve(TypedDict):
    """One curve. kind "value": the loss of an example whose true class has probability p, with
    0 at p = 1; kind "gradient": dl/dz of the true class (target 1), or of a rival that has p
    while the true class has 1 - p (target 0)."""

    loss: str
    kind: str
    target: int
    p: list[float]
    y: list[float]


def shape(name: str, loss: StackedLoss) -> list[Curve]:
    """Curves of one loss (P = 1) for 10 classes, in units of cross-entropy's probe gradient.

    Every loss is divided by the RMS of its gradient on the probe, relative to cross-entropy's:
    two losses that differ by a factor alone have the same shape.
    """
    z, target = probe(CLASSES)
    ours = rms(loss.gradient(z.softmax(0)[None].float(), target[None].float()))
    scale = float(rms(z.softmax(0) - target) / ours.double().clamp_min(SMALLEST_RMS))

    p = np.linspace(0.01, 0.99, POINTS)
    y = torch.zeros(1, CLASSES, POINTS)
    y[0, 0] = 1
    spread = _logits(p, (1 - p) / (CLASSES - 1))
    rival = _logits(1 - p, p * 1e-6)
    rival[0, 1] = torch.from_numpy(np.log(p)).float()
    certain = _logits(np.full(1, 1 - 1e-6), np.full(1, 1e-6 / (CLASSES - 1)))
    at_one = loss.value(certain, y[..., :1])
    value = (loss.value(spread, y) - at_one)[0] * scale
    true = loss.gradient(spread.softmax(1), y)[0, 0] * scale
    other = loss.gradient(rival.softmax(1), y)[0, 1] * scale
    curves = (("value", 1, value), ("gradient", 1, true), ("gradient", 0, other))
    return [
        Curve(loss=name, kind=kind, target=whose, p=p.tolist(), y=curve.double().tolist())
        for kind, whose, curve in curves
    ]


def _logits(true: np.ndarray, others: np.ndarray) -> torch.Tensor:
    """Log-probabilities [1, C, S] of the true class, first, and of all others."""
    logits = np.tile(np.log(others), (CLASSES, 1))
    logits[0] = np.log(true)
    return torch.from_numpy(logits).float()[None]
