"""A loss that a user gives as its value alone: autograd finds the derivative."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from mln.losses.base import per_member

Value = Callable[..., Tensor]


@dataclass
class ValueLoss:
    """A stacked loss (mln.losses.base) from `function(z, y)` or `function(z, y, parameter)`.

    function: from logits z and one-hot targets y, both [P, C, B], and its parameter [P, 1, 1], to
    the loss of each example [P, B].
    """

    kind: str
    function: Value
    members: int
    parameter: Tensor | None = None

    def __len__(self) -> int:
        return self.members

    def take(self, members: Tensor) -> Self:
        """The losses of some members."""
        parameter = None if self.parameter is None else self.parameter[members]
        return replace(self, members=len(members), parameter=parameter)

    def value(self, z: Tensor, y: Tensor) -> Tensor:
        """Loss of each example [P, B]."""
        if self.parameter is None:
            return self.function(z, y)
        return self.function(z, y, per_member(self.parameter))

    def gradient(self, p: Tensor, y: Tensor) -> Tensor:
        """Derivative with respect to the logits at log p, [P, C, B]."""
        return self.logit_gradient(p.clamp_min(torch.finfo(p.dtype).tiny).log(), y)

    def logit_gradient(self, z: Tensor, y: Tensor) -> Tensor:
        """Derivative with respect to the logits z, [P, C, B]."""
        with torch.enable_grad():
            logits = z.detach().requires_grad_()
            (derivative,) = torch.autograd.grad(self.value(logits, y).sum(), logits)
        return derivative
