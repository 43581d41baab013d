"""The value of a learned loss at the right answer with certainty: the zero of its scale.

A network's output has no zero of its own. Subtracting this constant, which depends on the number
of classes and on the state of training alone, leaves every gradient as it is.
"""

import torch
from torch import Tensor

from mln.config import LossSpec
from mln.losses.meta import LearnedLoss

CERTAIN = 1e4
"""Logit of the right class, over 0 of the others: in float32 its probability is 1."""


def has_own_zero(spec: LossSpec) -> bool:
    """Whether the value is 0 there anyway; where an adaptive loss smooths, it has no such place."""
    return spec.kind == "adaptive"


@torch.no_grad()
def value_at_certainty(spec: LossSpec, loss: LearnedLoss, classes: int, like: Tensor) -> Tensor:
    """Of one loss in its present state: a scalar, or of scope "vector" by right class [C, 1]."""
    which = torch.eye(classes, dtype=like.dtype, device=like.device)
    if spec.scope == "per_class":
        which = which[:, :1]
    value = loss.value(CERTAIN * which[None], which[None])[0]
    return value[0] if spec.scope == "per_class" else value[:, None]
