"""A loss for autograd: its value and, computed with it, its gradient by hand.

The gradient is the one that evolution saw. It takes no second pass through the value's graph, and
whatever dtype autocast would choose for a backward pass has no say in it.
"""

from typing import Any

import torch
from torch import Tensor

from mln.losses.base import logit_gradient, state_of
from mln.losses.meta import LearnedLoss


class ByHand(torch.autograd.Function):
    """(z, y, loss) -> value [P, B] and its derivative with respect to z [P, C, B].

    The derivative is not differentiable itself; gradients of gradients, forward mode and
    torch.func's transforms are served by the formula of the gradient.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(z: Tensor, y: Tensor, loss: LearnedLoss) -> tuple[Tensor, Tensor]:
        """Logits z and probabilities y [P, C, B] of the targets."""
        return loss.value_and_gradient(z, y)

    @staticmethod
    def setup_context(
        ctx: Any, inputs: tuple[Tensor, Tensor, LearnedLoss], output: tuple[Tensor, Tensor]
    ) -> None:
        """Keep what a backward pass needs, and the state of training as it is now."""
        z, y, loss = inputs
        ctx.mark_non_differentiable(output[1])
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(z, y, output[1])
        ctx.save_for_forward(z, y, output[1])
        state = state_of(loss)
        ctx.loss, ctx.moment = loss, state and dict(vars(state))

    @staticmethod
    def backward(ctx: Any, of_value: Tensor, of_gradient: None) -> tuple[Tensor, None, None]:
        """Derivative with respect to z; differentiable itself where that is asked for."""
        z, y, gradient = ctx.saved_tensors
        if torch.is_grad_enabled():
            gradient = _again(ctx.loss, ctx.moment, z, y)
        return gradient * of_value[:, None], None, None

    @staticmethod
    def jvp(ctx: Any, of_z: Tensor, of_y: None, of_loss: None) -> tuple[Tensor, None]:
        """Forward mode."""
        _, _, gradient = ctx.saved_tensors
        return (gradient * of_z).sum(1), None


def _again(
    loss: LearnedLoss, moment: dict[str, Any] | None, z: Tensor, y: Tensor
) -> Tensor:
    """The gradient as a function of z for autograd, in the state of that moment."""
    state = state_of(loss)
    if state is None or moment is None:
        return logit_gradient(loss, z, z.softmax(1), y)
    now = dict(vars(state))
    vars(state).update(moment)
    try:
        return logit_gradient(loss, z, z.softmax(1), y)
    finally:
        vars(state).update(now)


def evaluate(loss: LearnedLoss, z: Tensor, y: Tensor) -> Tensor:
    """Loss of each example [P, B] at logits z that need a gradient; y as z, [P, C, B]."""
    value: Tensor = ByHand.apply(z, y, loss)[0]  # type: ignore[no-untyped-call]
    return value
