"""How papers train: settings by name, to which an experiment adds its own. Imports no torch."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from bench.register import Register
from mln.config import AugmentationSpec, TrainingSpec

CIFAR_EPOCH = 391
"""Minibatches of 128 in 50,000 pictures."""


@dataclass(frozen=True)
class TrainingEntry:
    """A training with a name; rate: the learning rate it is published with."""

    name: str
    description: str
    rate: float
    spec: TrainingSpec


TRAININGS = Register(
    "trainings",
    "training",
    (
        TrainingEntry(
            "he2016",
            "He et al. 2016, CIFAR: SGD with momentum, weight decay 1e-4, a tenth of the rate at "
            "half and three quarters of 64,000 steps; crop 4 and flip",
            0.1,
            TrainingSpec(
                steps=64_000,
                batch_size=128,
                optimizer="sgd",
                weight_decay=1e-4,
                schedule="step",
                milestones=(0.5, 0.75),
                augmentation=AugmentationSpec(crop=4, flip=True),
            ),
        ),
        TrainingEntry(
            "zagoruyko2016",
            "Zagoruyko and Komodakis 2016, CIFAR: SGD with Nesterov's momentum, weight decay 5e-4, "
            "a fifth of the rate at 60, 120 and 160 of 200 epochs; crop 4 (padded by zeros, not by "
            "reflections) and flip",
            0.1,
            TrainingSpec(
                steps=200 * CIFAR_EPOCH,
                batch_size=128,
                optimizer="sgd",
                nesterov=True,
                weight_decay=5e-4,
                schedule="step",
                milestones=(0.3, 0.6, 0.8),
                gamma=0.2,
                augmentation=AugmentationSpec(crop=4, flip=True),
            ),
        ),
        TrainingEntry(
            "springenberg2015",
            "Springenberg et al. 2015: SGD with momentum, weight decay 1e-3, a tenth of the rate "
            "at 200, 250 and 300 of 350 epochs; crop 5 and flip (minibatches of 128 are a choice)",
            0.05,
            TrainingSpec(
                steps=350 * CIFAR_EPOCH,
                batch_size=128,
                optimizer="sgd",
                weight_decay=1e-3,
                schedule="step",
                milestones=(200 / 350, 250 / 350, 300 / 350),
                augmentation=AugmentationSpec(crop=5, flip=True),
            ),
        ),
    ),
)
"""All trainings by name."""


def trained(named: Any) -> Any:
    """A training as a table, where it is named: `"he2016"`, or `recipe = "he2016"` in a table,
    whose other keys replace the recipe's. Raises InputError for an unknown name."""
    if isinstance(named, str):
        named = {"recipe": named}
    if not isinstance(named, Mapping) or "recipe" not in named:
        return named
    content: dict[str, Any] = asdict(TRAININGS.get(str(named["recipe"])).spec)
    for key, value in named.items():
        if key == "augmentation" and isinstance(value, Mapping):
            content[key] = content[key] | value
        elif key != "recipe":
            content[key] = value
    return content
