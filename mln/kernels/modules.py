"""Networks of torch modules: with buffers, as batch norm has, and dropout of the learner's own."""

import logging
import math

import torch
from torch import Tensor
from torch.func import functional_call, vmap

from mln.kernels.draws import Moment, OwnDropout, seeded
from mln.kernels.networks import TOGETHER, RowNetwork
from mln.learners import buffers_of, build_module
from mln.problem import Problem

DEVICE_MODULES = 16
"""Members that are trained together on another device than a CPU, always: bits depend on it."""


class Modules(RowNetwork):
    """A user's own or a published network; a member's row holds its parameters, then its buffers.

    Buffers have the learning rate 0 and change in training alone. `together` members are trained
    as one by torch.func.vmap; by default one after another on a CPU, and elsewhere where vmap
    cannot do what the module does.
    """

    def __init__(
        self, problem: Problem, device: str, dtype: torch.dtype, together: int | None = None
    ) -> None:
        self.features = problem.features
        with torch.random.fork_rng(devices=[]):
            self.module = build_module(
                problem.learner, problem.features, problem.classes, problem.image
            ).to(device, dtype)
        self.shapes = {name: part.shape for name, part in self.module.named_parameters()}
        buffers = buffers_of(self.module)
        self.kinds = {name: part.dtype for name, part in buffers.items()}
        self.shapes |= {name: part.shape for name, part in buffers.items()}
        self.sizes = [math.prod(shape) for shape in self.shapes.values()]
        self.buffered = sum(part.numel() for part in buffers.values())
        if together is None:
            together = 1 if torch.device(device).type == "cpu" else self._vectorised(device, dtype)
        self.chunk: tuple[int, int] | None = (together, together)

    def spread(self, rates: Tensor) -> Tensor:
        """One number per learner [P], as it broadcasts to the buffer; 0 for a module's buffers."""
        if not self.buffered:
            return rates[:, None]
        weights = sum(self.sizes) - self.buffered
        return torch.cat(
            [rates[:, None].expand(-1, weights), rates.new_zeros(len(rates), self.buffered)], 1
        )

    def forward(self, weights: Tensor, x: Tensor) -> Tensor:
        """Logits [P, C, B] of x [P, D, B], as the learner is used: nothing of it changes."""
        if x.shape[2] > TOGETHER:
            some = torch.split(x, TOGETHER, 2)
            return torch.cat([self.forward(weights, part) for part in some], 2)
        self._mode(training=False)
        if len(weights) == 1:
            return self._called(weights[0], x[0])[0][None]
        return vmap(lambda row, own: self._called(row, own)[0])(weights, x)

    def trained(self, weights: Tensor, x: Tensor, moment: Moment) -> tuple[Tensor, Tensor | None]:
        """Logits [P, C, B] of a training step, and the buffers [P, S] that it leaves."""
        self._mode(training=True)
        keys = moment.step_keys()
        if len(weights) > 1:
            z, buffers = vmap(self._drawing)(weights, x, keys)
        else:
            with seeded(keys[0]):
                z, buffers = (part[None] for part in self._drawing(weights[0], x[0], keys[0]))
        return z, buffers.detach() if self.buffered else None

    def _drawing(self, row: Tensor, x: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        with OwnDropout(key):
            return self._called(row, x)

    def _called(self, row: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [C, B] of x [D, B], and the buffers [S] afterwards, of one row of numbers."""
        parts = zip(self.shapes.items(), torch.split(row, self.sizes), strict=True)
        tensors = {
            # A copy of each buffer: whatever the module does to it is done to no other.
            name: part.detach().clone().view(shape).to(self.kinds[name])
            if name in self.kinds
            else part.view(shape)
            for (name, shape), part in parts
        }
        z: Tensor = functional_call(self.module, tensors, (x.T,))
        # Where a module puts another tensor in a buffer's place, functional_call has noted it.
        after = [tensors[name].detach().to(row.dtype).flatten() for name in self.kinds]
        return z.T, torch.cat(after) if after else row.new_empty(0)

    def _mode(self, training: bool) -> None:
        if self.module.training != training:
            self.module.train(training)

    def _vectorised(self, device: str, dtype: torch.dtype) -> int:
        """How many members train together: one, where vmap fails on the module."""
        rows = torch.zeros(2, sum(self.sizes), device=device, dtype=dtype)
        x = torch.zeros(2, self.features, 2, device=device, dtype=dtype)
        try:
            with torch.no_grad():
                self.trained(rows, x, Moment(torch.zeros(2, device=device, dtype=torch.int64), 0))
                self.forward(rows, x)
        except RuntimeError as error:
            logging.getLogger("mln").warning(
                "learners train one after another: %s", str(error).splitlines()[0]
            )
            return 1
        return DEVICE_MODULES
