"""How a configuration is picked for each seed: by scores on inner_valid alone.

A policy is a pure function of stored rows. It sees no score on test, so no choice can depend on
one.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
"""inner_valid scores [S, K] of S seeds under K tuned configurations, larger is better; NaN where a
configuration was not trained. The configurations stand in the order in which ties are broken."""

Choices = NDArray[np.int64]
"""For each seed the place of its configuration, or NONE."""

NONE = -1
DIGITS = 10
"""Decimals to which scores are compared: sums in another order must not break a tie."""


def per_seed(scores: Scores) -> Choices:
    """Each seed takes what is best on its own inner_valid; none where one was not trained."""
    whole = _whole(scores)
    best = np.where(whole[:, None], np.round(scores, DIGITS), -np.inf).argmax(axis=1)
    return np.where(whole, best, NONE)


def pooled(scores: Scores) -> Choices:
    """Each seed takes what is best by the mean inner_valid of the other seeds.

    Seeds that lack a configuration count for nobody; a seed without any other has no choice.
    """
    whole = _whole(scores)
    known = np.where(whole[:, None], scores, 0.0)
    others = whole.sum() - whole
    means = (known.sum(axis=0) - known) / np.maximum(others, 1)[:, None]
    return np.where(others > 0, np.round(means, DIGITS).argmax(axis=1), NONE)


def _whole(scores: Scores) -> NDArray[np.bool_]:
    """Which seeds were trained in every configuration, [S]."""
    return np.asarray(np.isfinite(scores).all(axis=1), dtype=bool)


@dataclass(frozen=True)
class Policy:
    """A policy by name; title: in a sentence; choose: None for the declared configuration."""

    name: str
    title: str
    text: str
    choose: Callable[[Scores], Choices] | None


PRIMARY = "per_seed"
COMMON = "common"
GIVEN = "given"
"""What stands in a policy's place where results came with nothing to choose among."""

POLICIES: dict[str, Policy] = {
    policy.name: policy
    for policy in (
        Policy(
            PRIMARY,
            "tuned per seed",
            "each seed takes the configuration that is best on its own inner validation split",
            per_seed,
        ),
        Policy(
            "pooled",
            "tuned on the other seeds",
            "each seed takes the configuration with the best mean over the other seeds' inner "
            "validation splits",
            pooled,
        ),
        Policy(
            COMMON,
            "common rate",
            "every loss takes the declared rate, and its parameter as published",
            None,
        ),
    )
}
"""All policies, the primary one first."""

UNCALIBRATED = ("pooled",)
"""Policies whose tests do not hold their level: seeds share what was chosen, so that the luck of
choosing it is in every difference alike. They are shown for comparison."""


def title_of(name: str) -> str:
    """A policy in words; the name of one that this module does not know."""
    if name == GIVEN:
        return "as given"
    return POLICIES[name].title if name in POLICIES else name
