"""Learned losses from genomes: one interface for every kind of specification."""

from torch import Tensor

from mln.config import LossSpec
from mln.losses.adaptive import AdaptiveLoss
from mln.losses.heads import GateLoss, ResidualLoss
from mln.losses.network import NetworkLoss
from mln.losses.taylor import TaylorLoss

LearnedLoss = NetworkLoss | ResidualLoss | GateLoss | AdaptiveLoss | TaylorLoss


def stacked_from_genomes(
    spec: LossSpec, theta: Tensor, classes: int, *, normalise: bool | None = None
) -> LearnedLoss:
    """P losses for tasks of C classes, from genomes [P, G].

    Each is scaled so that its gradient on a fixed probe of logits has the root mean square of
    cross-entropy's: what a loss gains is then not merely another learning rate. `normalise`
    overrides the specification. Raises ValueError where a loss of scope "vector" is made for
    another number of classes than its own.
    """
    if spec.classes not in (None, classes):
        raise ValueError(f"this loss is for {spec.classes} classes, not for {classes}")
    if spec.kind == "adaptive":
        return AdaptiveLoss(spec, theta, classes, normalise)
    if spec.kind == "taylor":
        return TaylorLoss(spec, theta, classes, normalise)
    if spec.head == "gate":
        return GateLoss(spec, theta, classes, normalise)
    if spec.head == "residual":
        return ResidualLoss(spec, theta, classes, normalise)
    return NetworkLoss(spec, theta, classes, normalise)
