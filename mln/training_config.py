"""How a learner is trained, and what is done to its examples. Imports no torch."""

from dataclasses import dataclass
from math import cos, inf, pi
from typing import Literal

from mln.checks import FORBID_UNKNOWN, check

LARGEST_CROP = 64
"""Pixels of padding: more has no place in the numbers that a draw is stored as."""


@dataclass(frozen=True)
class AugmentationSpec:
    """What is done to the examples of each minibatch, in this order; nothing by default.

    crop: pictures are padded by so many zeros on each side, and a window of their own size is cut
    out anywhere (He et al. 2016). flip: half of them are mirrored, left to right. cutout: a square
    of so many pixels around any pixel becomes zero (DeVries and Taylor 2017). mixup: each example
    and its target are averaged with another's of the minibatch, at one share for all from
    Beta(mixup, mixup) (Zhang et al. 2018). Zero is the mean of what a learner sees.
    """

    crop: int = 0
    flip: bool = False
    cutout: int = 0
    mixup: float = 0.0

    __pydantic_config__ = FORBID_UNKNOWN

    def __post_init__(self) -> None:
        for name in ("crop", "cutout"):
            value = getattr(self, name)
            check(
                type(value) is int and 0 <= value <= LARGEST_CROP,
                f"{name} must be a whole number of pixels from 0 to {LARGEST_CROP}, not {value!r}",
            )
        check(type(self.flip) is bool, f"flip must be true or false: {self.flip!r}")
        check(0 <= self.mixup < inf, f"mixup must not be negative: {self.mixup}")

    @property
    def of_pictures(self) -> bool:
        """Whether it does what only pictures can undergo."""
        return bool(self.crop or self.flip or self.cutout)

    @property
    def changes(self) -> bool:
        """Whether it does anything."""
        return self.of_pictures or self.mixup > 0

    def obstacle(self, image: tuple[int, int, int] | None) -> str | None:
        """Why it cannot be done to examples of this (channels, height, width), or None."""
        if not self.of_pictures:
            return None
        if image is None:
            return "augmentation by crop, flip or cutout is for pictures"
        side = min(image[1:])
        if self.crop >= side or self.cutout >= side:
            return f"augmentation: crop and cutout must be smaller than the pictures' {side} pixels"
        return None


@dataclass(frozen=True)
class TrainingSpec:
    """How one learner is trained: `steps` minibatches of `batch_size` examples.

    optimizer: `sgd` with `momentum`, perhaps Nesterov's; `adam`; `adamw`, whose `weight_decay` is
    decoupled (elsewhere it is added to the gradient); all as in torch. schedule: the learning
    rate stays `constant`, falls to 0 as half a `cosine`, or is multiplied by `gamma` at each of
    the `milestones`, fractions of the steps (`step`). augmentation: what is done to each minibatch.
    """

    steps: int = 150
    batch_size: int = 16
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 0.0
    schedule: Literal["constant", "cosine", "step"] = "constant"
    milestones: tuple[float, ...] = (0.5, 0.75)
    gamma: float = 0.1
    augmentation: AugmentationSpec = AugmentationSpec()

    __pydantic_config__ = FORBID_UNKNOWN

    def __post_init__(self) -> None:
        check(self.steps >= 1, f"steps must be at least 1, not {self.steps}")
        check(self.batch_size >= 1, f"batch_size must be at least 1, not {self.batch_size}")
        check(0 <= self.momentum < 1, f"momentum must lie in [0, 1), not {self.momentum}")
        check(
            not self.nesterov or (self.optimizer == "sgd" and self.momentum > 0),
            "nesterov needs optimizer sgd and a momentum",
        )
        check(
            0 <= self.weight_decay < inf, f"weight_decay must not be negative: {self.weight_decay}"
        )
        check(0 < self.gamma <= 1, f"gamma must lie in (0, 1], not {self.gamma}")
        check(
            all(0 < place < 1 for place in self.milestones),
            f"milestones must lie between 0 and 1: {self.milestones}",
        )

    def rate_factors(self) -> tuple[float, ...]:
        """What the learning rate is multiplied by in each step, [T]; torch's CosineAnnealingLR
        (T_max = steps) and MultiStepLR, stepped after each minibatch."""
        if self.schedule == "cosine":
            return tuple((1 + cos(pi * t / self.steps)) / 2 for t in range(self.steps))
        if self.schedule == "step":
            falls = [round(place * self.steps) for place in self.milestones]
            return tuple(self.gamma ** sum(t >= fall for fall in falls) for t in range(self.steps))
        return (1.0,) * self.steps
