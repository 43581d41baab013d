"""Known losses fitted to a gradient: each at its best parameter and scale."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from bench.catalogue.losses import LOSSES
from mln.shape import CLASSES

MAX_TIE = 1e-3
"""A loss without a parameter counts as nearest if its R2 is this close to the best one."""

SEARCH_POINTS = 41

FloatArray = NDArray[np.float64]


class LossFamily(NamedTuple):
    """A known loss and the range of its parameter; low == high for a loss without one."""

    kind: str
    parameter: str | None = None
    low: float = 0.0
    high: float = 0.0
    logarithmic: bool = False


LOSS_FAMILIES = (
    LossFamily("ce"),
    LossFamily("mse"),
    LossFamily("mae"),
    LossFamily("gce", "q", 0.01, 1.0),
    LossFamily("label_smoothing", "eps", 0.0, 0.9),
    LossFamily("focal", "gamma", 0.0, 8.0),
    LossFamily("poly1", "eps", -1.0, 40.0),
    LossFamily("sce", "alpha", 0.1, 100.0, logarithmic=True),
)
"""In this order among equals: SCE (beta |A| = 4) is Poly-1 with eps = 4 / alpha, up to a factor."""

IN_TRAINING = (*LOSS_FAMILIES, LossFamily("logit_adjusted", "tau", 0.0, 4.0))
"""Where the classes have frequencies, logit adjustment can be told from cross-entropy."""


@dataclass(frozen=True)
class Fit:
    """A family at its best parameter: `scale` times its gradient is nearest to the loss's.

    r2: 1 - sum of squared errors / sum of squares about the mean, over all points; at_end: the
    parameter stands at an end of its declared range.
    """

    family: str
    parameter: str | None
    value: float | None
    scale: float
    r2: float
    at_end: bool = False

    @property
    def label(self) -> str:
        """For people: gce (q = 0.52)."""
        if self.parameter is None:
            return self.family
        note = ", end of range" if self.at_end else ""
        return f"{self.family} ({self.parameter} = {self.value:.3g}{note})"


class Points(NamedTuple):
    """Where gradients are compared: probabilities and one-hot targets [1, C, S].

    looked_at: the class whose derivative counts at each point, [S]: 0, the true one, or 1, a
    rival; None where all count. class_counts: labels of each class, [C], where they are known.
    """

    p: torch.Tensor
    y: torch.Tensor
    looked_at: torch.Tensor | None = None
    class_counts: torch.Tensor | None = None

    def of(self, gradient: torch.Tensor) -> FloatArray:
        """The derivatives that are looked at, [P, S] or [P, C * S], of gradients [P, C, S]."""
        if self.looked_at is None:
            return np.asarray(gradient.flatten(1).numpy())
        picked: FloatArray = gradient[:, self.looked_at, torch.arange(len(self.looked_at))].numpy()
        return picked


def points(p: Sequence[float]) -> Points:
    """The points of `mln.shape` for its probabilities p: S = 2 len(p)."""
    chosen = torch.tensor(p, dtype=torch.float64)
    size = len(chosen)
    probabilities = torch.zeros(1, CLASSES, 2 * size, dtype=torch.float64)
    probabilities[0, 0] = torch.cat([chosen, 1 - chosen])
    probabilities[0, 1:, :size] = (1 - chosen) / (CLASSES - 1)
    probabilities[0, 1, size:] = chosen
    y = torch.zeros_like(probabilities)
    y[0, 0] = 1
    looked_at = torch.arange(2).repeat_interleave(size)
    return Points(probabilities, y, looked_at)


def scaled(target: FloatArray, candidate: FloatArray) -> tuple[float, float]:
    """The least-squares scale >= 0 of a candidate's gradient, and R2."""
    scale = max(float(candidate @ target) / max(float(candidate @ candidate), 1e-300), 0.0)
    return scale, r_squared(target, scale * candidate)


def r_squared(target: FloatArray, fitted: FloatArray) -> float:
    """1 - residual sum of squares / sum of squares about the mean; 0 for a constant target."""
    total = float(np.square(target - target.mean()).sum())
    return 1 - float(np.square(target - fitted).sum()) / total if total > 0 else 0.0


def family_gradients(family: LossFamily, values: Sequence[float], where: Points) -> FloatArray:
    """Gradients of a family at some values of its parameter, [len(values), S]."""
    parameters = torch.tensor(values, dtype=torch.float64) if family.parameter else None
    counts = where.class_counts
    if counts is not None:
        counts = counts.expand(len(values), -1)
    loss = LOSSES.get(family.kind).built_in(len(values), parameters, counts)
    shape_ = (len(values), -1, -1)
    return where.of(loss.gradient(where.p.expand(shape_), where.y.expand(shape_)))


def fit_family(family: LossFamily, target: FloatArray, where: Points) -> Fit:
    """The best parameter of a family: a grid, then a bounded search between its neighbours."""
    if family.parameter is None:
        scale, r2 = scaled(target, family_gradients(family, [0.0], where)[0])
        return Fit(family.kind, None, None, scale, r2)
    forward, backward = (np.log, np.exp) if family.logarithmic else (np.array, np.array)
    grid = np.linspace(forward(family.low), forward(family.high), SEARCH_POINTS)

    def error(place: float) -> float:
        gradient = family_gradients(family, [float(backward(place))], where)[0]
        return -scaled(target, gradient)[1]

    tried = family_gradients(family, [float(backward(place)) for place in grid], where)
    best = int(np.argmax([scaled(target, gradient)[1] for gradient in tried]))
    bounds = (grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)])
    minimum = minimize_scalar(error, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    place = min((float(minimum.x), float(grid[best])), key=error)
    value = float(backward(place))
    scale, r2 = scaled(target, family_gradients(family, [value], where)[0])
    at_end = min(place - grid[0], grid[-1] - place) < 1e-3 * (grid[-1] - grid[0])
    return Fit(family.kind, family.parameter, value, scale, r2, bool(at_end))


def nearest(fits: Sequence[Fit]) -> Fit:
    """The best fit; a loss without a parameter if its R2 is within MAX_TIE."""
    best = max(fit.r2 for fit in fits)
    plain = [fit for fit in fits if fit.parameter is None and fit.r2 >= best - MAX_TIE]
    return max(plain or fits, key=lambda fit: round(fit.r2, 5))


def fit_values(fit: Fit) -> dict[str, Any]:
    """A fit as JSON values, with its label."""
    return asdict(fit) | {"label": fit.label}
