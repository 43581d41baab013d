"""The law of an adaptive loss as text: each exponent as a function of the state of training."""

from typing import NamedTuple

import numpy as np
import torch

from mln.config import LossSpec
from mln.layout import EXPONENTS, layout
from mln.losses.adaptive import AdaptiveLoss
from mln.losses.state import NEUTRAL
from mln.search.base import Genomes

CLASSES = 10
DIGITS = 2
"""Decimals of a coefficient; a term that rounds to 0 is left out."""

MENTIONED = 0.05
"""Share of its range that a feature must be able to move an exponent by to be named in words."""

MEANING = {
    "q": "robustness to wrong labels (generalised cross-entropy)",
    "eps": "label smoothing",
    "gamma": "focus on hard examples (focal loss)",
    "tau": "logit adjustment to how often each class occurs",
}
FEATURE = {
    "progress": "progress",
    "target_probability": "the true class's probability",
    "accuracy": "running accuracy",
    "confidence": "confidence",
    "disagreement": "confident disagreement with the labels",
    "drop": "a drop in accuracy",
    "calibration_gap": "overconfidence",
    "class_entropy": "the balance of the classes",
    "classes": "the number of classes",
}


class ExponentLaw(NamedTuple):
    """How one exponent follows the state: in symbols, as "q = .83 progress - .3 drop - .2, within
    0 and 1", and in words, with its value in three neutral states of training."""

    exponent: str
    formula: str
    words: str


def law(spec: LossSpec, genome: Genomes) -> list[ExponentLaw]:
    """The law of each exponent of an adaptive loss, from its genome [G].

    Raises ValueError for a loss of another kind.
    """
    if spec.kind != "adaptive":
        raise ValueError(f"only adaptive losses have a law, not one of kind {spec.kind!r}")
    theta = torch.from_numpy(np.array(genome, np.float64))[None]
    blocks = layout(spec).split(theta)
    weights = np.zeros((len(EXPONENTS), 0))
    if spec.state:
        weights = blocks["state"][0].numpy()
    constants = blocks["constant"][0].numpy()
    loss = AdaptiveLoss(spec, theta, CLASSES, normalise=False)
    values: dict[str, list[float]] = {name: [] for name in EXPONENTS}
    for stage in NEUTRAL:
        loss.state.hold(stage)
        for name, value in zip(EXPONENTS, loss.exponents(), strict=True):
            values[name].append(float(value))
    return [
        _law(name, largest, dict(zip(spec.state, row * largest, strict=True)), constant, at)
        for name, largest, row, constant, at in zip(
            EXPONENTS, spec.ranges, weights, constants * spec.ranges, values.values(), strict=True
        )
    ]


def _law(
    name: str, largest: float, weights: dict[str, float], constant: float, values: list[float]
) -> ExponentLaw:
    """From the weights and the constant in units of the exponent, and its values in NEUTRAL."""
    lowest = constant + sum(
        min(w, -w if feature == "calibration_gap" else 0.0) for feature, w in weights.items()
    )
    highest = constant + sum(
        max(w, -w if feature == "calibration_gap" else 0.0) for feature, w in weights.items()
    )
    ordered = sorted(weights.items(), key=lambda item: -abs(item[1]))
    terms = [(w, feature) for feature, w in ordered if round(w, DIGITS)]
    if highest <= 0 or lowest >= largest or not terms:
        fixed = number(min(max(constant, 0.0), largest) if highest > 0 else 0.0)
        return ExponentLaw(name, f"{name} = {fixed}", f"{MEANING[name]}: always {fixed}")
    if round(constant, DIGITS):
        terms.append((constant, ""))
    text = " ".join(
        f"{'-' if w < 0 else '+'} {f'{number(abs(w))} {feature}'.strip()}" for w, feature in terms
    )
    text = text.removeprefix("+ ")
    clipped = f", within 0 and {number(largest)}" if lowest < 0 or highest > largest else ""
    named = [(w, FEATURE[f]) for f, w in ordered if abs(w) >= MENTIONED * largest]
    moves = [f"grows with {feature}" for w, feature in named if w > 0]
    moves += [f"falls with {feature}" for w, feature in named if w < 0]
    early, middle, late = map(number, values)
    course = f"{early} early, {middle} in the middle, {late} late"
    return ExponentLaw(
        name, f"{name} = {text}{clipped}", f"{MEANING[name]}: {', '.join([*moves, course])}"
    )


def number(value: float) -> str:
    """Two decimals at most, without a leading or trailing zero: .83, 1.2, 0, -.5."""
    text = f"{value:.{DIGITS}f}".rstrip("0").rstrip(".")
    text = text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text
    return "0" if text in ("", "-0", "-") else text
