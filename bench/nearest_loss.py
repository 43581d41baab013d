"""What a learned loss is like: the nearest known loss and the nearest polynomial, as numbers.

Everything is fitted to what the figures show, the logit gradient at the points of
`mln.shape.shape`: of the true class at probability p while the others share the rest, and of a
rival at probability p while the true class has the rest.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from bench.catalogue.losses import LOSSES
from bench.cells.loss_ref import LossRef, reference
from bench.errors import InputError
from mln.config import LossSpec
from mln.files import LossFileError, SavedLoss, load_loss
from mln.losses.base import through_softmax
from mln.shape import CLASSES, shape

BESIDE = ("ce", "mse", "gce", "label_smoothing")
"""Losses that every explanation draws beside the learned one."""

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


@dataclass(frozen=True)
class Polynomial:
    """Mean over classes of a polynomial of third order in p_c and y_c, by least squares.

    With y^2 = y and sum p_c = 1 these terms are all that a gradient can tell apart.
    """

    terms: dict[str, float]
    r2: float

    @property
    def formula(self) -> str:
        """The polynomial as text, per class."""
        parts = [f"{'-' if c < 0 else '+'} {abs(c):.3g} {name}" for name, c in self.terms.items()]
        return " ".join(parts).removeprefix("+ ")


class Points(NamedTuple):
    """Where gradients are compared: probabilities and one-hot targets [1, C, S], class looked at.

    Class 0 is the true one; `looked_at` [S] is 0, or 1 for a rival.
    """

    p: torch.Tensor
    y: torch.Tensor
    looked_at: torch.Tensor

    def of(self, gradient: torch.Tensor) -> FloatArray:
        """The derivatives that are looked at, [P, S], of gradients [P, C, S]."""
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
    loss = LOSSES.get(family.kind).built_in(len(values), parameters, None)
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


def fit_polynomial(target: FloatArray, where: Points) -> tuple[Polynomial, FloatArray]:
    """The nearest third-order Taylor polynomial and its gradient at the points."""
    p, y = where.p, where.y
    # p times each term's derivative with respect to p, as through_softmax takes it.
    weighted = {"p^2": 2 * p**2, "p^3": 3 * p**3, "y p": y * p, "y p^2": 2 * y * p**2}
    basis = np.stack([where.of(through_softmax(u / CLASSES, p))[0] for u in weighted.values()])
    coefficients = np.linalg.lstsq(basis.T, target, rcond=None)[0]
    fitted = coefficients @ basis
    terms = dict(zip(weighted, map(float, coefficients), strict=True))
    return Polynomial(terms, r_squared(target, fitted)), fitted


def explain_curves(curves: Sequence[Any]) -> dict[str, Any]:
    """Fits to the curves of one loss in one state of training.

    curves: those of `mln.shape.shape`. Returns `nearest`, `families` with the best first,
    `polynomial` and `fitted`, the gradients of both as curves.
    """
    by_target = {curve["target"]: curve for curve in curves if curve["kind"] == "gradient"}
    true, rival = by_target[1], by_target[0]
    where = points(true["p"])
    target = np.array([*true["y"], *rival["y"]])
    fits = [fit_family(family, target, where) for family in LOSS_FAMILIES]
    best = nearest(fits)
    family = next(family for family in LOSS_FAMILIES if family.kind == best.family)
    known = best.scale * family_gradients(family, [best.value or 0.0], where)[0]
    polynomial, polynomial_gradient = fit_polynomial(target, where)
    return {
        "nearest": _fit_values(best),
        "families": [_fit_values(fit) for fit in sorted(fits, key=lambda fit: -fit.r2)],
        "polynomial": asdict(polynomial) | {"formula": polynomial.formula},
        "fitted": [
            {"fit": name, "target": whose, "p": list(true["p"]), "y": part.tolist()}
            for name, gradient in (("nearest", known), ("polynomial", polynomial_gradient))
            for whose, part in zip((1, 0), np.split(gradient, 2), strict=True)
        ],
    }


def _fit_values(fit: Fit) -> dict[str, Any]:
    return asdict(fit) | {"label": fit.label}


def explain(path: Path) -> dict[str, Any]:
    """Everything `explain` shows of a loss file, as JSON values.

    Keys: loss, spec, provenance, classes, curves (of the loss and of BESIDE), and states: one
    explanation for each state of training that `mln.shape.shape` draws (`state` is None for a
    loss without state). Raises InputError for a missing, foreign or damaged file.
    """
    try:
        saved = load_loss(path)
    except LossFileError as error:
        raise InputError(str(error)) from error
    return explain_loss(path.stem, saved)


def explain_loss(name: str, saved: SavedLoss) -> dict[str, Any]:
    """The explanation of a loss that is in memory; see `explain`."""
    own = by_state(LossRef(name, "mln", None, saved.spec, tuple(map(float, saved.genome))))
    # A known loss has no state: whatever its curves are called, the first ones are all.
    beside = [next(iter(by_state(reference(known, LossSpec())).values())) for known in BESIDE]
    return {
        "loss": name,
        "spec": asdict(saved.spec),
        "provenance": saved.provenance,
        "classes": CLASSES,
        "states": [{"state": state, **explain_curves(part)} for state, part in own.items()],
        "curves": [
            *({**curve, "state": state} for state, part in own.items() for curve in part),
            *({**curve, "state": None} for part in beside for curve in part),
        ],
    }


def by_state(ref: LossRef) -> dict[str | None, list[dict[str, Any]]]:
    """The curves of a loss by state of training; one entry, None, for a loss without state."""
    curves: dict[str | None, list[dict[str, Any]]] = {}
    for curve in shape(ref.name, ref.stacked(1, CLASSES, "cpu")):
        plain: dict[str, Any] = dict(curve)
        curves.setdefault(plain.get("state") or None, []).append(plain)
    return curves


def table(explanation: dict[str, Any]) -> list[dict[str, Any]]:
    """One row for each state and known loss, the best first, and the polynomial."""
    rows = []
    for part in explanation["states"]:
        state = {} if part["state"] is None else {"state": part["state"]}
        for fit in part["families"]:
            mark = "nearest" if fit == part["nearest"] else ""
            rows.append(state | {"known loss": fit["label"], "R2": fit["r2"], "": mark})
        polynomial = part["polynomial"]
        rows.append(state | {"known loss": polynomial["formula"], "R2": polynomial["r2"], "": ""})
    return rows
