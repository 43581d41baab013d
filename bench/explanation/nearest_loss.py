"""What a learned loss is like: the nearest known loss and the nearest polynomial, as numbers.

Everything is fitted to what the figures show, the logit gradient at the points of
`mln.shape.shape`: of the true class at probability p while the others share the rest, and of a
rival at probability p while the true class has the rest. An adaptive loss is also compared at
moments of typical trainings, on the probe of logits and with the class frequencies seen there.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.cells.loss_ref import LossRef, reference
from bench.describing.describe import describe
from bench.errors import InputError
from bench.explanation.fits import (
    LOSS_FAMILIES,
    FloatArray,
    Points,
    family_gradients,
    fit_family,
    fit_values,
    nearest,
    points,
    r_squared,
)
from bench.explanation.typical_training import TRAININGS, courses, training_values
from bench.tasks.resolve import resolve
from mln.config import LossSpec
from mln.files import LossFileError, SavedLoss, load_loss
from mln.law import law
from mln.losses.base import through_softmax
from mln.shape import CLASSES, shape

BESIDE = ("ce", "mse", "gce", "label_smoothing")
"""Losses that every explanation draws beside the learned one."""


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
        "nearest": fit_values(best),
        "families": [fit_values(fit) for fit in sorted(fits, key=lambda fit: -fit.r2)],
        "polynomial": asdict(polynomial) | {"formula": polynomial.formula},
        "fitted": [
            {"fit": name, "target": whose, "p": list(true["p"]), "y": part.tolist()}
            for name, gradient in (("nearest", known), ("polynomial", polynomial_gradient))
            for whose, part in zip((1, 0), np.split(gradient, 2), strict=True)
        ],
    }


def explain(path: Path) -> dict[str, Any]:
    """Everything `explain` shows of a loss file, as JSON values.

    Keys: loss, spec, provenance, classes, curves (of the loss and of BESIDE), and states: one
    explanation for each state of training that `mln.shape.shape` draws (`state` is None for a
    loss without state). law and trainings: of an adaptive loss the formula of each exponent, and
    what they do in typical trainings (see `training_values`); tasks: what was understood of those
    of the trainings; of others empty. Raises InputError for a missing, foreign or damaged file.
    """
    try:
        saved = load_loss(path)
    except LossFileError as error:
        raise InputError(str(error)) from error
    return explain_loss(path.stem, saved)


def explain_loss(name: str, saved: SavedLoss) -> dict[str, Any]:
    """The explanation of a loss that is in memory; see `explain`."""
    own = by_state(LossRef(name, "mln", None, saved.spec, tuple(map(float, saved.genome))))
    adaptive = saved.spec.kind == "adaptive"
    # A known loss has no state: whatever its curves are called, the first ones are all.
    beside = [next(iter(by_state(reference(known, LossSpec())).values())) for known in BESIDE]
    return {
        "loss": name,
        "spec": asdict(saved.spec),
        "provenance": saved.provenance,
        "classes": CLASSES,
        "law": [each._asdict() for each in law(saved.spec, saved.genome)] if adaptive else [],
        "trainings": (
            [training_values(course, saved) for course in courses(saved.spec, saved.genome)]
            if adaptive
            else []
        ),
        "tasks": (
            [
                describe(resolve(task), test=False, roles=[f"{training} training"]).as_json()
                for training, task in TRAININGS.items()
            ]
            if adaptive
            else []
        ),
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
