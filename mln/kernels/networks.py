"""Stacked networks that autograd can differentiate: perceptrons, convolutional ones, modules."""

from typing import Protocol

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn.functional import conv2d, max_pool2d, unfold

from mln.kernels.weights import Weights, logits, padded_layers, per_weight
from mln.learners import Convolution, Layer, build_module, plan
from mln.problem import Problem

GROUP = 8
"""Members in one grouped convolution on a CPU, always: its bits depend on their number."""

DEVICE_GROUP = 128
"""Members that are trained together on another device, always, for the same reason."""


class Network(Protocol):
    """P learners of one kind, trained as one buffer of numbers.

    features: the padded number of them; chunk: how many members are trained together at most and
    at least, where that is fixed.
    """

    features: int
    chunk: tuple[int, int] | None

    def flat(self, rows: Tensor) -> Tensor:
        """The buffer, from weights [P, W]."""
        ...

    def spread(self, rates: Tensor) -> Tensor:
        """One number per learner [P], as it broadcasts to the buffer."""
        ...

    def rows(self, weights: Tensor, members: int) -> Tensor:
        """Weights [P, W] of a buffer."""
        ...

    def forward(self, weights: Tensor, x: Tensor) -> Tensor:
        """Logits [P, C, B] of x [P, D, B]."""
        ...


class Perceptrons:
    """Batched products of padded matrices, all layers in one flat buffer."""

    def __init__(self, problem: Problem, chunk: tuple[int, int] | None = None) -> None:
        self.chunk = chunk
        self.layers = padded_layers(problem)
        self.features = self.layers[0].inputs

    def flat(self, rows: Tensor) -> Tensor:
        """The buffer, from weights [P, W]."""
        return Weights.from_rows(rows, self.layers).flat

    def spread(self, rates: Tensor) -> Tensor:
        """One number per learner [P], as it broadcasts to the buffer."""
        size = Weights.size(self.layers, len(rates))
        return per_weight(
            rates, Weights(rates.new_zeros(size), self.layers, len(rates)), self.layers
        )

    def rows(self, weights: Tensor, members: int) -> Tensor:
        """Weights [P, W] of a buffer."""
        return Weights(weights, self.layers, members).to_rows(self.layers)

    def forward(self, weights: Tensor, x: Tensor) -> Tensor:
        """Logits [P, C, B] of x [P, D, B]."""
        return logits(Weights(weights, self.layers, len(x)), x)


class RowNetwork:
    """Learners whose buffer is their weights [P, W]."""

    def flat(self, rows: Tensor) -> Tensor:
        """The buffer, from weights [P, W]."""
        return rows.clone()

    def spread(self, rates: Tensor) -> Tensor:
        """One number per learner [P], as it broadcasts to the buffer."""
        return rates[:, None]

    def rows(self, weights: Tensor, members: int) -> Tensor:
        """Weights [P, W] of a buffer."""
        return weights[:members]


class Convolutions(RowNetwork):
    """Convolutions, then batched products.

    Grouped convolutions on a CPU; on another device products with the matrix of patches
    (`products`).
    """

    chunk: tuple[int, int] | None

    def __init__(self, problem: Problem, group: int = GROUP, products: bool = False) -> None:
        self.chunk, self.products = (group, group), products
        self.plan = plan(problem.learner, problem.features, problem.classes, problem.image)
        self.features, self.image = problem.features, problem.image

    def forward(self, weights: Tensor, x: Tensor) -> Tensor:
        """Logits [P, C, B] of x [P, D, B]."""
        members, _, batch = x.shape
        assert self.image is not None
        if self.products:
            return self._by_products(weights, x)
        h = x.permute(2, 0, 1).reshape(batch, members * self.image[0], *self.image[1:])
        for convolution in self.plan.convolutions:
            h = _convolution(weights, convolution, h)
        h = h.reshape(batch, members, -1).permute(1, 2, 0)
        for layer in self.plan.linear[:-1]:
            h = _linear(weights, layer, h).relu()
        return _linear(weights, self.plan.linear[-1], h)

    def _by_products(self, weights: Tensor, x: Tensor) -> Tensor:
        members, _, batch = x.shape
        assert self.image is not None
        h = x.transpose(1, 2).reshape(members * batch, *self.image)
        for convolution in self.plan.convolutions:
            patches = unfold(h, convolution.kernel, padding=convolution.padding)
            patches = patches.view(members, batch, *patches.shape[1:])
            kernel = weights[:, convolution.weight].reshape(
                members, 1, convolution.outputs, convolution.fan_in
            )
            bias = weights[:, convolution.bias].reshape(members, 1, -1, 1)
            grown = 2 * convolution.padding - convolution.kernel + 1
            h = (torch.matmul(kernel, patches) + bias).relu()
            h = h.view(members * batch, convolution.outputs, convolution.height + grown, -1)
            h = max_pool2d(h, 2) if convolution.pool else h
        h = h.reshape(members, batch, -1).transpose(1, 2)
        for layer in self.plan.linear[:-1]:
            h = _linear(weights, layer, h).relu()
        return _linear(weights, self.plan.linear[-1], h)


def _convolution(weights: Tensor, layer: Convolution, h: Tensor) -> Tensor:
    """Feature maps [B, P * out, ...] of maps h [B, P * in, ...]."""
    members = len(weights)
    kernel = weights[:, layer.weight].reshape(-1, layer.inputs, layer.kernel, layer.kernel)
    bias = weights[:, layer.bias].reshape(-1)
    h = conv2d(h, kernel, bias, padding=layer.padding, groups=members).relu()
    return max_pool2d(h, 2) if layer.pool else h


def _linear(weights: Tensor, layer: Layer, h: Tensor) -> Tensor:
    """Outputs [P, out, B] of h [P, in, B]."""
    weight = weights[:, layer.weight].reshape(-1, layer.outputs, layer.inputs)
    return torch.baddbmm(weights[:, layer.bias].unsqueeze(2), weight, h)


class Modules(RowNetwork):
    """A user's own network, one member after another."""

    chunk: tuple[int, int] | None = (1, 1)

    def __init__(self, problem: Problem, device: str, dtype: torch.dtype) -> None:
        self.features = problem.features
        self.module = build_module(
            problem.learner, problem.features, problem.classes, problem.image
        ).to(device, dtype)
        self.shapes = {name: part.shape for name, part in self.module.named_parameters()}

    def forward(self, weights: Tensor, x: Tensor) -> Tensor:
        """Logits [P, C, B] of x [P, D, B]."""
        parts = torch.split(weights[0], [shape.numel() for shape in self.shapes.values()])
        parameters = {
            name: part.view(shape)
            for (name, shape), part in zip(self.shapes.items(), parts, strict=True)
        }
        z: Tensor = functional_call(self.module, parameters, (x[0].T,))
        return z.T[None]


def network_of(problem: Problem, device: str, dtype: torch.dtype) -> Network:
    """The stacked network of a problem's learners."""
    on_cpu = torch.device(device).type == "cpu"
    if problem.learner.kind == "module":
        return Modules(problem, device, dtype)
    if problem.learner.kind == "cnn":
        return Convolutions(problem) if on_cpu else Convolutions(problem, DEVICE_GROUP, True)
    return Perceptrons(problem, None if on_cpu else (DEVICE_GROUP, DEVICE_GROUP))
