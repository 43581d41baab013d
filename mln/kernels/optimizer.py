"""SGD, Adam and AdamW on stacked weights, with torch's semantics and defaults."""

import numpy as np
import torch
from numpy.typing import NDArray
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
        self.table: Tensor | None = None

    def step(self, momentum: Tensor) -> None:
        """Update the weights in place."""
        self.flat.add_(momentum, alpha=-self.factors[self.step_count])
        self.step_count += 1

    def step_at(self, momentum: Tensor, at: Tensor) -> None:
        """The same in the step `at`, int64 [1] on the device: nothing comes from the host."""
        if self.table is None:
            self.table = self.flat.new_tensor(self.factors)
        self.flat.addcmul_(momentum, self.table.index_select(0, at), value=-1)


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
        self.table: Tensor | None = None

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

    def step_at(self, gradient: Tensor, at: Tensor) -> None:
        """The same in the step `at`, int64 [1] on the device: nothing comes from the host."""
        if self.table is None:
            self.table = torch.from_numpy(step_constants(self.spec)).to(self.flat)
        rate, root, shrink = self.table.index_select(1, at).unbind(0)
        spec, buffer = self.spec, self.buffer
        if spec.weight_decay and spec.optimizer == "adamw":
            self.flat.addcmul_(self.lr, torch.mul(self.flat, shrink, out=buffer), value=-1)
        elif spec.weight_decay:
            gradient = torch.add(gradient, self.flat, alpha=spec.weight_decay)
        if spec.optimizer == "sgd":
            self.first.mul_(spec.momentum).add_(gradient)
            if spec.nesterov:
                torch.add(gradient, self.first, alpha=spec.momentum, out=buffer)
            else:
                buffer.copy_(self.first)
        else:
            beta1, beta2 = ADAM_BETAS
            self.first.lerp_(gradient, 1 - beta1)
            self.second.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
            torch.sqrt(self.second, out=buffer)
            buffer.mul_(root).add_(ADAM_EPS)
            torch.div(self.first, buffer, out=buffer)
        self.flat.addcmul_(self.lr, buffer.mul_(rate), value=-1)


def step_constants(spec: TrainingSpec) -> NDArray[np.float64]:
    """For each step [3, T]: what the learning rate is multiplied by, Adam's correction of the
    root, and what of the rate AdamW takes off the weights."""
    factors = np.array(spec.rate_factors())
    shrink = factors * (spec.weight_decay if spec.optimizer == "adamw" else 0.0)
    root = np.ones_like(factors)
    if spec.optimizer != "sgd":
        number = np.arange(1, spec.steps + 1)
        beta1, beta2 = ADAM_BETAS
        root = 1 / np.sqrt(1 - beta2**number)
        factors = factors / (1 - beta1**number)
    return np.stack([factors, root, shrink])
