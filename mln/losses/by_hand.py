"""A loss for autograd, as one step: its value and, computed with it, its gradient by hand.

The gradient is the one that evolution saw. It takes no second pass through the value's graph, and
whatever dtype autocast would choose for a backward pass has no say in it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.forward_ad import unpack_dual

from mln.losses.base import logit_gradient, state_of
from mln.losses.meta import LearnedLoss


class Batch(NamedTuple):
    """What a batch's logits are compared with.

    z: the logits, detached, as columns; y: class probabilities of the targets, both [1, C, B];
    factors: what each example's loss is multiplied by, [B] or one number; ignored: examples that
    do not count, bool [B], or None; zero: what is subtracted of each example's loss, a scalar or
    [B], or None; whole: whether the losses are summed.
    """

    z: Tensor
    y: Tensor
    factors: Tensor | float
    ignored: Tensor | None
    zero: Tensor | None
    whole: bool


def evaluated(loss: LearnedLoss, logits: Tensor, batch: Batch) -> Tensor:
    """The sum of a batch's losses, or each [B], at logits [N, C, ...] with B = N * ...

    Under torch.compile, torch.func and in forward mode it is autograd's affair.
    """
    if not (logits.requires_grad and torch.is_grad_enabled()):
        return _reduced(loss.value(batch.z, batch.y)[0], batch)
    if not only_eager() or unpack_dual(logits).tangent is not None:  # type: ignore[no-untyped-call]
        return _reduced(loss.value(columns(logits), batch.y)[0], batch)
    result: Tensor = _ByHand.apply(logits, loss, batch)
    return result


def only_eager() -> bool:
    """Whether a tensor is what it is: neither traced by torch.compile nor by torch.func."""
    active: Callable[[], bool] = torch._C._are_functorch_transforms_active
    return not (torch.compiler.is_compiling() or active())


def columns(logits: Tensor) -> Tensor:
    """Logits [N, C, ...] as z [1, C, B], in float32 or float64."""
    flat = logits.t() if logits.dim() == 2 else logits.movedim(1, 0).flatten(1)
    z = flat.unsqueeze(0)
    return z if z.dtype == torch.float64 else z.float()


def _reduced(value: Tensor, batch: Batch) -> Tensor:
    if batch.zero is not None:
        value = value - batch.zero
    if batch.ignored is not None:
        value = value.masked_fill(batch.ignored, 0)
    if batch.whole and isinstance(batch.factors, float):
        return value.sum() * batch.factors
    each = value * batch.factors
    return each.sum() if batch.whole else each


class _ByHand(torch.autograd.Function):
    """(logits, loss, batch) -> the losses of a batch."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, loss: LearnedLoss, batch: Batch) -> Tensor:
        value, gradient = loss.value_and_gradient(batch.z, batch.y)
        ctx.save_for_backward(logits, gradient)
        state = state_of(loss)
        # A later step moves the state, before a backward pass perhaps.
        ctx.loss, ctx.batch, ctx.moment = loss, batch, state and dict(vars(state))
        return _reduced(value.squeeze(0), batch)

    @staticmethod
    def backward(ctx: Any, of_result: Tensor) -> tuple[Tensor, None, None]:
        logits, gradient = ctx.saved_tensors
        factors, ignored = ctx.batch.factors, ctx.batch.ignored
        if torch.is_grad_enabled():  # somebody wants the gradient's gradient
            gradient = _formula(ctx.loss, ctx.moment, columns(logits), ctx.batch.y)
        if ignored is not None:  # whatever its logits are, and where the mean of none is no number
            gradient, factors = (t.masked_fill(ignored, 0) for t in (gradient, factors))
        rows = gradient.squeeze(0) * (of_result * factors)
        if logits.dim() > 2:
            rows = rows.view(logits.shape[1], -1, *logits.shape[2:])
        return rows.transpose(0, 1).to(logits.dtype), None, None


def _formula(loss: LearnedLoss, moment: dict[str, Any] | None, z: Tensor, y: Tensor) -> Tensor:
    """The gradient as a function of z that autograd can follow, in the state of that moment."""
    state = state_of(loss)
    if state is None or moment is None:
        return logit_gradient(loss, z, z.softmax(1), y)
    now = dict(vars(state))
    vars(state).update(moment)
    try:
        return logit_gradient(loss, z, z.softmax(1), y)
    finally:
        vars(state).update(now)
