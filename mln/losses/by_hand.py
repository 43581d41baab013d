"""A loss for autograd, as one step: its value and, computed with it, its gradient by hand.

The gradient is the one that evolution saw. It takes no second pass through the value's graph, and
whatever dtype autocast would choose for a backward pass has no say in it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.forward_ad import unpack_dual
from torch.nn import Parameter

from mln.losses.arrays import SMALL, Array, like, softmax, tensor
from mln.losses.base import logit_gradient, state_of
from mln.losses.meta import LearnedLoss

PLAIN = (Tensor, Parameter)
"""Kinds of tensors that NumPy can read."""


class Batch(NamedTuple):
    """What a batch's logits are compared with.

    z: the logits, detached, as columns; p: their softmax, if it is known; y: class probabilities of
    the targets, all [1, C, B], tensors or arrays of NumPy; factors: what each example's loss is
    multiplied by, [B] or one number; ignored: examples that do not count, bool [B], or None; zero:
    makes what is subtracted of each example's loss, a scalar or [B], or None; whole: whether the
    losses are summed.
    """

    z: Array
    p: Array | None
    y: Array
    factors: Tensor | float
    ignored: Tensor | None
    zero: Callable[[], Tensor | None]
    whole: bool


def evaluated(loss: LearnedLoss, logits: Tensor, batch: Batch) -> Tensor:
    """The sum of a batch's losses, or each [B], at logits [N, C, ...] with B = N * ...

    Under torch.compile, torch.func and in forward mode it is autograd's affair.
    """
    if logits.requires_grad and torch.is_grad_enabled():
        if only_eager() and unpack_dual(logits).tangent is None:  # type: ignore[no-untyped-call]
            result: Tensor = _ByHand.apply(logits, loss, batch)
            return result
        value = loss.value(columns(logits), tensor(batch.y))
    else:
        value = loss.value(tensor(batch.z), tensor(batch.y))
    zero = batch.zero()
    each = value[0] if zero is None else value[0] - zero
    if batch.ignored is not None:
        each = each.masked_fill(batch.ignored, 0)
    each = each * batch.factors
    return each.sum() if batch.whole else each


def only_eager() -> bool:
    """Whether a tensor is what it is: neither traced by torch.compile nor by torch.func."""
    active: Callable[[], bool] = torch._C._are_functorch_transforms_active
    return not (torch.compiler.is_compiling() or active())


def is_host(x: Tensor) -> bool:
    """Whether a tensor's numbers can be asked for without waiting: on a CPU, not traced."""
    return x.device.type == "cpu" and type(x) in PLAIN and only_eager()


def columns(logits: Tensor) -> Tensor:
    """Logits [N, C, ...] as z [1, C, B], in float32 or float64."""
    flat = logits.t() if logits.dim() == 2 else logits.movedim(1, 0).flatten(1)
    z = flat.unsqueeze(0)
    return z if z.dtype == torch.float64 else z.float()


def small_columns(logits: Tensor, target: Tensor) -> Array | None:
    """The same of detached logits, by NumPy; None where the numbers are many or not at hand."""
    if logits.numel() > SMALL or not (is_host(logits) and is_host(target)):
        return None
    x = logits if logits.dtype in (torch.float32, torch.float64) else logits.float()
    flat = x.numpy().T if x.dim() == 2 else x.numpy().swapaxes(0, 1).reshape(x.shape[1], -1)
    return np.ascontiguousarray(flat)[None]


def one_hot(labels: Tensor, z: Array, ignore_index: int) -> Array | None:
    """Labels [B] as class probabilities [1, C, B], held as z is.

    None where some are ignored or are no classes, or where that is not at hand: asking costs a CPU
    less than masking, but a GPU would have to wait.
    """
    if isinstance(z, Tensor) or ignore_index >= 0:
        return None
    is_class = labels.numpy() == np.arange(z.shape[1])[:, None]
    if np.count_nonzero(is_class) < len(labels):
        return None
    y: Array = is_class.astype(z.dtype)[None]
    return y


class _ByHand(torch.autograd.Function):
    """(logits, loss, batch) -> the losses of a batch."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, loss: LearnedLoss, batch: Batch) -> Tensor:
        with np.errstate(all="ignore"):
            result, rows = _stepped(loss, batch)
        ctx.save_for_backward(logits, rows)
        state = state_of(loss)
        # A later step moves the state, before a backward pass perhaps.
        ctx.loss, ctx.batch, ctx.moment = loss, batch, state and dict(vars(state))
        return result

    @staticmethod
    def backward(ctx: Any, of_result: Tensor) -> tuple[Tensor, None, None]:
        logits, rows = ctx.saved_tensors
        if torch.is_grad_enabled():  # somebody wants the gradient's gradient
            y = tensor(ctx.batch.y)
            rows = _rows(_formula(ctx.loss, ctx.moment, columns(logits), y), ctx.batch)
        rows = rows * (of_result.unsqueeze(1) if of_result.dim() else of_result)
        if logits.dim() > 2:
            rows = rows.view(len(logits), *logits.shape[2:], -1).movedim(-1, 1)
        return rows.to(logits.dtype), None, None


def _stepped(loss: LearnedLoss, batch: Batch) -> tuple[Tensor, Tensor]:
    """The losses of a batch, [] or [B], and their gradient [B, C]."""
    z, factors = batch.z, batch.factors
    p = softmax(z) if batch.p is None else batch.p
    value, gradient, zero = loss.step(z, p, like(tensor(batch.y), z))
    if batch.whole and isinstance(factors, float) and getattr(zero, "ndim", 0) == 0:
        total = value.sum() * factors - zero * (factors * z.shape[2])
        return tensor(total), tensor(gradient[0].T * factors)
    each = tensor((value.sum(axis=1, keepdims=True) - zero)[0, 0])
    each = (each if batch.ignored is None else each.masked_fill(batch.ignored, 0)) * factors
    return each.sum() if batch.whole else each, _rows(tensor(gradient), batch)


def _rows(gradient: Tensor, batch: Batch) -> Tensor:
    """A gradient [1, C, B] as rows [B, C], times the factors of their examples."""
    rows, factors = gradient[0].t(), batch.factors
    if isinstance(factors, float):
        return rows * factors
    if batch.ignored is not None:
        # Whatever its logits are, and where the mean of none is no number.
        rows = rows.masked_fill(batch.ignored[:, None], 0)
        factors = factors.masked_fill(batch.ignored, 0)
    return rows * factors[:, None]


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
