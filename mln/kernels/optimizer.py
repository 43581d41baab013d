"""SGD, Adam and AdamW on stacked weights, with torch's semantics and defaults."""

import torch
from torch import Tensor

from mln.config import TrainingSpec

ADAM_BETAS = (0.9, 0.999)
ADAM_EPS = 1e-8


def adds_in_place(spec: TrainingSpec) -> bool:
    """Whether momentum is all that the optimiser keeps, so that `InPlaceMomentum` will do."""
    return spec.optimizer == "sgd" and not spec.nesterov and not spec.weight_decay


class InPlaceMomentum:
    """SGD whose momentum the backward pass adds the gradient to: no gradient is ever stored.

    The pass keeps `kept` of what stood there, and scales its derivatives by the learning rate.
    """

    def __init__(self, spec: TrainingSpec, flat: Tensor) -> None:
        self.flat, self.kept = flat, spec.momentum
        self.factors = spec.rate_factors()
        self.step_count = 0

    def step(self, momentum: Tensor) -> None:
        """Update the weights in place."""
        self.flat.add_(momentum, alpha=-self.factors[self.step_count])
        self.step_count += 1


class Optimizer:
    """The optimiser of a buffer of weights, with a learning rate `lr` that broadcasts to it."""

    kept = 0.0

    def __init__(self, spec: TrainingSpec, flat: Tensor, lr: Tensor) -> None:
        self.spec, self.flat, self.lr = spec, flat, lr
        self.first = torch.zeros_like(flat)
        self.second = torch.zeros_like(flat) if spec.optimizer != "sgd" else flat.new_empty(0)
        self.buffer = torch.empty_like(flat)
        self.factors = spec.rate_factors()
        self.step_count = 0

    def step(self, gradient: Tensor) -> None:
        """Update the weights in place."""
        spec, factor = self.spec, self.factors[self.step_count]
        self.step_count += 1
        if spec.weight_decay and spec.optimizer == "adamw":
            # p (1 - lr decay), in one operation
            self.flat.addcmul_(self.lr, self.flat, value=-factor * spec.weight_decay)
        elif spec.weight_decay:
            gradient = torch.add(gradient, self.flat, alpha=spec.weight_decay)
        if spec.optimizer == "sgd":
            self.first.mul_(spec.momentum).add_(gradient)
            direction = self.first
            if spec.nesterov:
                direction = torch.add(gradient, self.first, alpha=spec.momentum, out=self.buffer)
            self.flat.addcmul_(self.lr, direction, value=-factor)
            return
        beta1, beta2 = ADAM_BETAS
        self.first.lerp_(gradient, 1 - beta1)
        self.second.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        correction1 = 1 - beta1**self.step_count
        correction2 = 1 - beta2**self.step_count
        torch.sqrt(self.second, out=self.buffer)
        self.buffer.div_(correction2**0.5).add_(ADAM_EPS)
        torch.div(self.first, self.buffer, out=self.buffer)
        self.flat.addcmul_(self.lr, self.buffer, value=-factor / correction1)
