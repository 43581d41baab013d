"""The state of training that a loss may depend on: bounded numbers per learner.

Running means with a fixed decay, of quantities that a training loop has anyway. Every feature is
bounded, so that no unseen state extrapolates. Gradients treat the state as a constant.
"""

from collections.abc import Callable, Sequence
from math import log
from typing import Any, Self

import torch
from torch import Tensor
from torch.nn.functional import pad

FAST, SLOW = 0.05, 0.01
"""Share of the newest batch in a running mean; more in the first steps, a plain mean there."""

PRIOR_FLOOR = 1e-3
"""Smallest class frequency that logit adjustment takes the logarithm of."""

MEASURED = ("target_probability", "accuracy", "confidence", "disagreement", "slow_accuracy")
"""Columns of a memory; after them the running frequency of each class."""

SHARED = ("progress", "classes")
"""Features that are one number for all learners."""

NEUTRAL = {"early": (0.0, 0.1), "middle": (0.5, 0.5), "late": (1.0, 0.9)}
"""Declared states, as (progress, running accuracy): calibrated, no drop, balanced classes. The
gradient scale is that of "middle"."""

MAX_CLASSES = 10


class TrainingState:
    """The state of P learners on tasks of C classes.

    features: [P, S] of `names`, with zero columns added up to a multiple of 8;
    log_prior: logarithm of the running class frequencies, [P, C, 1].
    At first it is the neutral state "middle".
    """

    def __init__(self, names: Sequence[str], members: int, classes: int, like: Tensor) -> None:
        self.names, self.classes = tuple(names), classes
        self.like = like.new_empty(members, 0)
        self.memory = initial_memory(classes, self.like)
        self.features = self.log_prior = self.like
        self.hold("middle")

    def take(self, members: Tensor) -> Self:
        """The state of some members; `members` is int64 [M]."""
        taken = object.__new__(type(self))
        for name, value in vars(self).items():
            setattr(taken, name, value[members] if isinstance(value, Tensor) else value)
        return taken

    def reset(self) -> None:
        """Start of training."""
        self.read(initial_memory(self.classes, self.like), 0.0)

    def observe(self, p: Tensor, y: Tensor, weight: Tensor, step: int | Tensor, steps: int) -> None:
        """Take in the batch of a step, counted from 0, of training for `steps` steps.

        p, y: [P, C, B]; weight: [B] of sum 1, 0 for examples that do not count.
        """
        self.read(observed(self.memory, p, y, weight, step), step / steps)

    def read(self, memory: Tensor, progress: float | Tensor) -> None:
        """Make a memory [P, 5 + C] and the share of training that is done the present state."""
        self.memory = memory
        prior = memory[:, len(MEASURED) :]
        self.log_prior = prior.clamp_min(PRIOR_FLOOR).log()[..., None]
        if self.names:
            features = _features(memory, progress, self.names)
            self.features = pad(features, (0, -len(self.names) % 8))

    def hold(self, stage: str) -> None:
        """Go to a neutral state: "early", "middle" or "late"."""
        progress, accuracy = NEUTRAL[stage]
        measured = self.like.new_tensor(
            [accuracy, accuracy, accuracy, accuracy * (1 - accuracy), accuracy]
        )
        prior = measured.new_full((self.classes,), 1 / self.classes)
        self.read(torch.cat([measured, prior]).expand(len(self.like), -1), progress)


def initial_memory(classes: int, like: Tensor) -> Tensor:
    """The memory [P, 5 + C] before the first batch: a learner that guesses; `like` is [P, ...]."""
    memory = like.new_full((len(like), len(MEASURED) + classes), 1 / classes)
    memory[:, MEASURED.index("disagreement")] = (1 - 1 / classes) / classes
    return memory


def observed(memory: Tensor, p: Tensor, y: Tensor, weight: Tensor, step: int | Tensor) -> Tensor:
    """A memory [P, 5 + C] after one more batch p, y [P, C, B] with weights [B] of sum 1."""
    confidence, chosen = p.max(1)
    hit = y.gather(1, chosen[:, None])[:, 0]
    disagreement = confidence * (1 - hit)
    each = torch.stack([(p * y).sum(1), hit, confidence, disagreement, hit], dim=1)
    now = (torch.cat([each, y], dim=1) * weight).sum(2)
    rate = torch.full_like(memory[0], FAST)
    rate[len(MEASURED) - 1 :] = SLOW
    rate = rate.clamp_min(1 / (step + 2))
    # Two products and a sum, each rounded: a fused operation may round a vector's tail otherwise.
    return memory * (1 - rate) + now * rate


def feature_column(
    name: str, measured: Sequence[Any], entropy: Callable[[], Any], classes: int, progress: Any
) -> Any:
    """A feature before it is bounded, of what is given: tensors [P], or numbers of one learner.

    measured: the quantities MEASURED; entropy: makes that of the class frequencies; progress: the
    share of training that is done.
    """
    if name in MEASURED:
        return measured[MEASURED.index(name)]
    _, accuracy, confidence, _, slow = measured
    if name == "progress":
        return progress
    if name == "drop":
        return slow - accuracy
    if name == "calibration_gap":
        return confidence - accuracy
    if name == "class_entropy":
        return entropy() / log(classes)
    return (log(classes) - log(2)) / (log(MAX_CLASSES) - log(2))


def _features(memory: Tensor, progress: float | Tensor, names: Sequence[str]) -> Tensor:
    """Features [P, S], in [0, 1]; the calibration gap in [-1, 1]."""
    measured = memory[:, : len(MEASURED)].unbind(1)
    prior = memory[:, len(MEASURED) :]

    def entropy() -> Tensor:
        return -(prior * prior.clamp_min(PRIOR_FLOOR).log()).sum(1)

    def column_of(name: str) -> Tensor:
        value = feature_column(name, measured, entropy, prior.shape[1], progress)
        column: Tensor = torch.zeros_like(measured[0]) + value if name in SHARED else value
        return column

    features = torch.stack([column_of(name) for name in names], dim=1)
    # Filled where it lies: a GPU would wait for a list of numbers in every step.
    lowest = torch.zeros_like(features[0])
    if "calibration_gap" in names:
        # Not by assignment, which copies the number from the host.
        lowest[tuple(names).index("calibration_gap")].fill_(-1.0)
    return features.clamp_max(1).maximum(lowest)


def adjusted(p: Tensor, log_prior: Tensor, tau: Tensor) -> Tensor:
    """Probabilities of logits z + tau * log prior (Menon et al. 2021, logit adjustment), from
    p = softmax(z) [P, C, B]; log_prior [P, C, 1], tau [P, 1, 1]."""
    shift = log_prior - log_prior.amax(1, keepdim=True)
    weighted = p * torch.exp(tau * shift)
    return weighted / weighted.sum(1, keepdim=True)
