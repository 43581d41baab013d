"""Laws set by hand: adaptive losses whose exponents are given as numbers, not evolved.

They are controls of an evolved loss, and probes of the tasks that one is evolved on. Importing this
imports no torch.
"""

from collections.abc import Mapping
from typing import NamedTuple

from mln.checks import check
from mln.config import LossSpec, StateFeature

EXPONENTS = ("q", "eps", "gamma", "tau")
"""In the order of an adaptive loss's genes."""
CONSTANT = "constant"

Exponent = float | Mapping[str, float]
"""A constant; or the weight of each feature of the state that it follows, and of CONSTANT."""


class Law(NamedTuple):
    """An adaptive loss's specification and its genome."""

    spec: LossSpec
    genome: tuple[float, ...]


def law(spec: LossSpec, **exponents: Exponent) -> Law:
    """The law with these exponents, others 0, in the form of an adaptive specification.

    Numbers are in the exponent's own unit: q = {"constant": .05, "progress": .6} is
    q = .05 + .6 progress, clipped to 0 and the specification's range. Raises ValueError for an
    exponent or a feature that the specification has not, and for a constant beyond its range.
    """
    check(spec.kind == "adaptive", f"a law needs kind adaptive, not {spec.kind!r}")
    for name in exponents:
        check(name in EXPONENTS, f"{name!r} is not one of {', '.join(EXPONENTS)}")
    weights: list[float] = []
    constants: list[float] = []
    for name, largest in zip(EXPONENTS, spec.ranges, strict=True):
        given = exponents.get(name, 0.0)
        terms = given if isinstance(given, Mapping) else {CONSTANT: given}
        for feature in terms:
            known = (*spec.state, CONSTANT)
            check(feature in known, f"{name}: {feature!r} is not one of {', '.join(known)}")
        used = any(terms.values())
        check(not used or largest > 0, f"{name}: has no range in this specification")
        if not isinstance(given, Mapping):
            check(0 <= given <= largest, f"{name} must lie between 0 and {largest:g}, not {given}")
        scale = 1 / largest if used else 0.0
        weights += [terms.get(feature, 0.0) * scale for feature in spec.state]
        constants.append(terms.get(CONSTANT, 0.0) * scale)
    return Law(spec, (*weights, *constants))


def adaptive(*state: StateFeature) -> LossSpec:
    """The adaptive form that follows these features alone."""
    return LossSpec(kind="adaptive", state=state)


SCHEDULE: Exponent = {CONSTANT: 0.05, "progress": 0.6, "drop": -3.0}
"""q of `robust_schedule`: cross-entropy first, robust late, and back when accuracy drops."""


def robust(q: float | None) -> Law:
    """Generalised cross-entropy at q, label smoothing .1, logit adjustment 1 by the running class
    frequencies: constants, whatever the training does."""
    return law(adaptive(), q=0.3 if q is None else q, eps=0.1, tau=1.0)


def robust_schedule(_parameter: float | None) -> Law:
    """The same with q = clip(.05 + .6 progress - 3 drop, 0, 1)."""
    return law(adaptive("progress", "drop"), q=SCHEDULE, eps=0.1, tau=1.0)
