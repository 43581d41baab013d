"""All hand-made losses by name, built from what each of them needs."""

from collections.abc import Callable

from torch import Tensor

from mln.losses import formulas, imbalance, logits
from mln.losses.base import StackedLoss

PLAIN: dict[str, Callable[[int], StackedLoss]] = {
    "ce": formulas.CrossEntropy,
    "mse": formulas.MeanSquaredError,
    "mse_logits": logits.LogitSquaredError,
    "mae": formulas.MeanAbsoluteError,
    "hinge": logits.Hinge,
}
"""From the number of learners."""

ONE_PARAMETER: dict[str, Callable[[Tensor], StackedLoss]] = {
    "gce": formulas.GeneralisedCrossEntropy,
    "sce": formulas.SymmetricCrossEntropy,
    "label_smoothing": formulas.LabelSmoothing,
    "focal": formulas.Focal,
    "poly1": formulas.PolyOne,
}
"""From the parameter of each learner, [P]."""

CLASS_COUNTS: dict[str, Callable[[Tensor, Tensor], StackedLoss]] = {
    "logit_adjusted": imbalance.LogitAdjusted.from_counts,
    "class_balanced": imbalance.ClassBalanced.from_counts,
}
"""From the parameter of each learner [P] and its training labels of each class [P, C]."""
