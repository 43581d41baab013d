"""Regimes: what is done to a task. Each is a pure function of the task, a value and a generator.

Before a drift they change the training split alone: validation and test splits stay balanced and
clean, with one declared exception, `valid=noisy`, which gives inner_valid the training noise.
Examples are removed, relabelled or damaged, never redrawn or rescaled; for one seed a stronger
`few`, imbalance or noise changes a superset of what a weaker one changes.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum

from numpy.random import Generator

from bench.tasks.base import Concern, TaskFamily
from bench.tasks.regimes import drifts, human, inputs, labels, sizes
from bench.tasks.regimes.sizes import MIN_KEPT_PER_CLASS
from mln.task import Task


class Stage(IntEnum):
    """The order in which regimes apply; a task takes at most one of each."""

    LABELS = 0
    SIZES = 1
    NOISE = 2
    INPUTS = 3
    DRIFT = 4
    OVER = 5


def _anything(_family: TaskFamily) -> str | None:
    return None


@dataclass(frozen=True)
class Regime:
    """One kind of change.

    limits: the smallest and the largest value that make sense for a family.
    neutral: the value that changes nothing, if there is one.
    whole: whether values are whole numbers.
    obstacle: why it cannot be put on a family, None where it can.
    names: what values are called, in the order of their numbers; none where they are numbers.
    content: a digest of the files that it reads.
    """

    key: str
    stage: Stage
    concern: Concern
    description: str
    apply: Callable[[Task, float, Generator], Task]
    limits: Callable[[TaskFamily], tuple[float, float]]
    neutral: float | None
    whole: bool = False
    obstacle: Callable[[TaskFamily], str | None] = _anything
    names: tuple[str, ...] = ()
    content: Callable[[], str] | None = None


def noisy_inner_valid(task: Task, regime: Regime, rate: float, rng: Generator) -> Task:
    """`valid=noisy`: the labels of inner_valid under the same kind and rate of noise."""
    noisy = regime.apply(replace(task, train=task.inner_valid), rate, rng).train
    return replace(task, inner_valid=noisy)


def _label_counts(family: TaskFamily) -> tuple[float, float]:
    return MIN_KEPT_PER_CLASS * family.classes, family.train_size[0]


def _ratios(family: TaskFamily) -> tuple[float, float]:
    return 1, family.train_size[1]


def _symmetric_rates(family: TaskFamily) -> tuple[float, float]:
    """Beyond (C - 1) / C the true class is the least likely label."""
    return 0, (family.classes - 1) / family.classes


def _pair_rates(_family: TaskFamily) -> tuple[float, float]:
    return 0, 0.5


def _between(low: float, high: float) -> Callable[[TaskFamily], tuple[float, float]]:
    return lambda _family: (low, high)


def _needs_pictures(family: TaskFamily) -> str | None:
    return None if family.image else "is for tasks of pictures"


def _can_turn(family: TaskFamily) -> str | None:
    if family.image is None:
        return None if family.features == 2 else "is for pictures and for points of the plane"
    return None if family.image[1] == family.image[2] else "is for square pictures"


def _people_labelled(family: TaskFamily) -> str | None:
    if family.name == "cifar10":
        return None
    return "is for the task cifar10: people labelled its pictures, in their official order"


REGIMES = {
    regime.key: regime
    for regime in (
        Regime(
            "few",
            Stage.LABELS,
            Concern.FEW,
            "few=50: a stratified subset of 50 training examples",
            sizes.few,
            _label_counts,
            neutral=None,
            whole=True,
        ),
        Regime(
            "imbalance",
            Stage.SIZES,
            Concern.IMBALANCE,
            "imbalance=20: class sizes fall geometrically to 1/20 of the largest",
            sizes.imbalance,
            _ratios,
            neutral=1,
        ),
        Regime(
            "step",
            Stage.SIZES,
            Concern.STEP,
            "step=20: half of the classes have 1/20 of the examples of the others",
            sizes.step,
            _ratios,
            neutral=1,
        ),
        Regime(
            "noise",
            Stage.NOISE,
            Concern.NOISE,
            "noise=0.4: 40 % of the training labels move to another class, uniformly",
            labels.noise,
            _symmetric_rates,
            neutral=0,
        ),
        Regime(
            "pairflip",
            Stage.NOISE,
            Concern.PAIRFLIP,
            "pairflip=0.3: 30 % of the training labels move to the next class",
            labels.pairflip,
            _pair_rates,
            neutral=0,
        ),
        Regime(
            "instance_noise",
            Stage.NOISE,
            Concern.INSTANCE_NOISE,
            "instance_noise=0.3: the 30 % that look most like another class get its label",
            labels.instance_noise,
            _pair_rates,
            neutral=0,
        ),
        Regime(
            "cifar10n",
            Stage.NOISE,
            Concern.HUMAN,
            "cifar10n=worst: the labels that people gave (CIFAR-10N: worst, aggre, random1, "
            "random2, random3), from your own CIFAR-10_human.pt, under CC BY-NC 4.0",
            human.human_labels,
            _between(0, len(human.COLUMNS) - 1),
            neutral=None,
            whole=True,
            obstacle=_people_labelled,
            names=tuple(human.COLUMNS),
            content=human.label_digest,
        ),
        Regime(
            "input_noise",
            Stage.INPUTS,
            Concern.INPUT_NOISE,
            "input_noise=0.5: Gaussian noise of deviation 0.5 on the training features",
            inputs.input_noise,
            _between(0, 5),
            neutral=0,
        ),
        Regime(
            "missing",
            Stage.INPUTS,
            Concern.MISSING,
            "missing=0.3: 30 % of the training values are missing (0, the mean)",
            inputs.missing,
            _between(0, 0.9),
            neutral=0,
        ),
        Regime(
            "blur",
            Stage.INPUTS,
            Concern.BLUR,
            "blur=1: Gaussian blur of the training pictures, sigma of 1 pixel",
            inputs.blur,
            _between(0, 8),
            neutral=0,
            obstacle=_needs_pictures,
        ),
        Regime(
            "occlusion",
            Stage.INPUTS,
            Concern.OCCLUSION,
            "occlusion=0.25: a square hides a quarter of each training picture",
            inputs.occlusion,
            _between(0, 0.9),
            neutral=0,
            obstacle=_needs_pictures,
        ),
        Regime(
            "label_drift",
            Stage.DRIFT,
            Concern.LABEL_DRIFT,
            "label_drift=0.5: half-way through the training all classes change their labels",
            drifts.label_drift,
            _between(0.05, 0.95),
            neutral=None,
        ),
        Regime(
            "rotation_drift",
            Stage.DRIFT,
            Concern.ROTATION_DRIFT,
            "rotation_drift=0.5: half-way, pictures or points of the plane turn by a quarter",
            drifts.rotation_drift,
            _between(0.05, 0.95),
            neutral=None,
            obstacle=_can_turn,
        ),
        Regime(
            "prior_drift",
            Stage.DRIFT,
            Concern.PRIOR_DRIFT,
            "prior_drift=0.5: half-way, the class frequencies become a long tail of 1/10",
            drifts.prior_drift,
            _between(0.05, 0.95),
            neutral=None,
        ),
        Regime(
            "over",
            Stage.OVER,
            Concern.OVER,
            "over=0.2: a drift takes 20 % of the training (abrupt otherwise)",
            drifts.over,
            _between(0, 0.95),
            neutral=0,
        ),
    )
}
TRAIN_KEY = "train"
TRAIN_DESCRIPTION = "train=300:1500: so many training examples, of a generated family"
TRAIN_LIMIT = 20_000
"""Training examples that a generated family may be asked for."""
VALID_KEY = "valid"
VALID_DESCRIPTION = "valid=noisy: inner_valid carries the training noise (valid=clean otherwise)"


def available_regimes() -> list[str]:
    """An example of every regime and what it does, in order of application."""
    return [
        TRAIN_DESCRIPTION,
        *(regime.description for regime in REGIMES.values()),
        VALID_DESCRIPTION,
    ]
