"""Hidden units with their derivatives.

Sigmoid and softplus are built from exp and log1p: torch's own round the tail of a vector
otherwise than its body, so that a member's bits would depend on its place.
"""

import torch
from torch import Tensor


def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + exp(-x)), with all digits where it is small: a scale may make it large again."""
    e = torch.exp(-x.abs())
    return torch.where(x < 0, e, 1.0) / (1 + e)


def softplus(x: Tensor) -> Tensor:
    """log(1 + exp(x))."""
    return x.clamp_min(0) + torch.log1p(torch.exp(-x.abs()))


def activation(name: str, x: Tensor) -> Tensor:
    """tanh, relu or silu of x."""
    if name == "tanh":
        return torch.tanh(x)
    return x.relu() if name == "relu" else x * sigmoid(x)


SLOPE_SCALE = {"tanh": 4.0, "relu": 1.0, "silu": 1.0}
"""What a `scaled_slope` is to be multiplied by, which may be done without a pass over the units."""


def scaled_slope(name: str, x: Tensor) -> Tensor:
    """The derivative of an activation alone, but for its SLOPE_SCALE; may overwrite x.

    torch's sigmoid is six times as fast as its tanh on a CPU. x must hold a multiple of 64
    numbers per learner, as padded hidden layers do: then there is no vector's tail.
    """
    if name == "relu":
        return (x > 0).to(x.dtype)
    if name == "silu":
        s = torch.sigmoid(x)
        return s * (1 + x * (1 - s))
    # (1 - tanh^2) / 4 = s (1 - s); with s at most 1/2 no digit of saturated units is lost.
    s = x.abs_().mul_(-2).sigmoid_()
    if torch.is_grad_enabled():  # autograd wants s again
        return torch.addcmul(s, s, s, value=-1)
    return s.addcmul_(s, s, value=-1)


def activation_and_slope(name: str, x: Tensor) -> tuple[Tensor, Tensor]:
    """An activation and its derivative; may overwrite x."""
    if name == "tanh":
        t = x.tanh_()
        # 1 - t^2 in one operation: a difference of two sums loses saturated units' precision.
        return t, torch.addcmul(t.new_ones(()), t, t, value=-1)
    if name == "relu":
        return x.relu(), (x > 0).to(x.dtype)
    s = sigmoid(x)
    return x * s, s * (1 + x * (1 - s))


def units_and_slope(name: str, x: Tensor, slope: Tensor) -> Tensor:
    """An activation, written over x, and its derivative but for SLOPE_SCALE, written to `slope`.

    With torch's fast sigmoid, whose last bits depend on the place: for a single learner.
    """
    if name == "tanh":
        torch.abs(x, out=slope).mul_(-2).sigmoid_()
        x.sign_()
        x.addcmul_(x, slope, value=-2)
        slope.addcmul_(slope, slope, value=-1)
    elif name == "relu":
        torch.gt(x, 0, out=slope)
        x.relu_()
    else:
        torch.sigmoid(x, out=slope)
        x.mul_(slope)
        slope.addcmul_(x, 1 - slope)
    return x
