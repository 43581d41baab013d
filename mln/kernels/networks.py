"""Stacked networks that autograd can differentiate: perceptrons and convolutional ones."""

from typing import Literal, Protocol

import torch
from torch import Tensor
from torch.nn.functional import conv2d, max_pool2d, pad

from mln.kernels.draws import Moment
from mln.kernels.weights import Weights, logits, padded_layers, per_weight
from mln.learners import Convolution, Layer, plan
from mln.problem import Problem

GROUP = 8
"""Members in one grouped convolution on a CPU, always: its bits depend on their number."""

DEVICE_GROUP = 128
"""Members that are trained together on another device, always, for the same reason."""

Way = Literal["grouped", "patches"]
"""Of convolving: one grouped convolution, or products with a matrix of patches."""

DEVICE_WAY: Way = "patches"
DEVICE_PICTURES, DEVICE_CNN_GROUP = 8, 256
"""On another device than a CPU. Few pictures in a product: the gradient of a kernel is a sum over
all of a product's patches, which one multiprocessor adds up."""

TOGETHER = 128
"""Pictures of a member that are propagated at a time: their patches take much memory."""


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

    def trained(self, weights: Tensor, x: Tensor, moment: Moment) -> tuple[Tensor, Tensor | None]:
        """Logits [P, C, B] of a training step, and what it leaves in the last columns of the
        buffer [P, S], or None."""
        ...


class Stateless:
    """A network that trains as it is used."""

    def forward(self, weights: Tensor, x: Tensor) -> Tensor:
        """Logits [P, C, B] of x [P, D, B]."""
        raise NotImplementedError

    def trained(self, weights: Tensor, x: Tensor, _moment: Moment) -> tuple[Tensor, None]:
        """Logits [P, C, B] of a training step; nothing else changes."""
        return self.forward(weights, x), None


class Perceptrons(Stateless):
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


class Convolutions(RowNetwork, Stateless):
    """Convolutional learners, `group` of them together: convolutions, then batched products.

    way: how they convolve (`Way`); pictures: of a minibatch, in one product with patches.
    """

    chunk: tuple[int, int] | None

    def __init__(
        self,
        problem: Problem,
        group: int = GROUP,
        way: Way = "grouped",
        pictures: int = DEVICE_PICTURES,
    ) -> None:
        self.chunk, self.way, self.pictures = (group, group), way, pictures
        self.plan = plan(problem.learner, problem.features, problem.classes, problem.image)
        self.features, self.image = problem.features, problem.image
        layers: list[Convolution | Layer] = [*self.plan.convolutions, *self.plan.linear]
        parts = [part for layer in layers for part in (layer.weight, layer.bias)]
        self.sizes = [part.stop - part.start for part in parts]

    def forward(self, weights: Tensor, x: Tensor) -> Tensor:
        """Logits [P, C, B] of x [P, D, B]."""
        if x.shape[2] > TOGETHER:
            some = torch.split(x, TOGETHER, 2)
            return torch.cat([self.forward(weights, part) for part in some], 2)
        # In one operation: the gradient of a slice is as large as what it was cut from.
        parts = torch.split(weights, self.sizes, 1)
        layers = list(zip(parts[::2], parts[1::2], strict=True))
        convolutions = len(self.plan.convolutions)
        h = self._convolved(x, layers[:convolutions])
        for layer, own in zip(self.plan.linear[:-1], layers[convolutions:], strict=False):
            h = _linear(*own, layer, h).relu()
        return _linear(*layers[-1], self.plan.linear[-1], h)

    def _convolved(self, x: Tensor, layers: list[tuple[Tensor, Tensor]]) -> Tensor:
        """What the convolutions make [P, F, B] of pictures x [P, D, B]."""
        members, _, batch = x.shape
        assert self.image is not None
        if self.way == "grouped":
            h = x.permute(2, 0, 1).reshape(batch, members * self.image[0], *self.image[1:])
            for convolution, own in zip(self.plan.convolutions, layers, strict=True):
                h = _grouped(*own, convolution, h)
            return h.reshape(batch, members, -1).permute(1, 2, 0)
        together = self.pictures if batch % self.pictures == 0 else batch
        h = x.view(members, *self.image, batch // together, together)
        h = h.permute(0, 4, 1, 5, 2, 3)
        for convolution, own in zip(self.plan.convolutions, layers, strict=True):
            h = _by_patches(*own, convolution, h)
        return h.permute(0, 2, 4, 5, 1, 3).reshape(members, -1, batch)


def _grouped(weight: Tensor, bias: Tensor, layer: Convolution, h: Tensor) -> Tensor:
    """Feature maps [B, P * out, ...] of maps h [B, P * in, ...], by one grouped convolution."""
    kernel = weight.reshape(-1, layer.inputs, layer.kernel, layer.kernel)
    h = conv2d(h, kernel, bias.reshape(-1), padding=layer.padding, groups=len(weight)).relu()
    return max_pool2d(h, 2) if layer.pool else h


def _by_patches(weight: Tensor, bias: Tensor, layer: Convolution, h: Tensor) -> Tensor:
    """Feature maps [P, S, out, N, ...] of maps h [P, S, in, N, ...] of S times N pictures, by
    products with the patches of N pictures at a time.

    torch's `unfold` would launch a kernel for each picture. The bias and the ReLU, which keep the
    order, come after the pooling: there are fewer numbers then.
    """
    members, parts, _, pictures = h.shape[:4]
    if layer.padding:
        h = pad(h, (layer.padding,) * 4)
    patches = h.unfold(4, layer.kernel, 1).unfold(5, layer.kernel, 1)
    rows, columns = patches.shape[4:6]
    patches = patches.permute(0, 1, 2, 6, 7, 3, 4, 5).reshape(
        members * parts, layer.fan_in, pictures * rows * columns
    )
    kernel = weight.view(members, 1, layer.outputs, layer.fan_in).expand(-1, parts, -1, -1)
    h = torch.bmm(kernel.reshape(members * parts, layer.outputs, layer.fan_in), patches)
    h = h.view(-1, pictures, rows, columns)
    if layer.pool:
        h = max_pool2d(h, 2)
    h = h.view(members, parts, layer.outputs, *h.shape[1:])
    return (h + bias.view(members, 1, layer.outputs, 1, 1, 1)).relu()


def _linear(weight: Tensor, bias: Tensor, layer: Layer, h: Tensor) -> Tensor:
    """Outputs [P, out, B] of h [P, in, B]."""
    matrix = weight.reshape(-1, layer.outputs, layer.inputs)
    return torch.baddbmm(bias.unsqueeze(2), matrix, h)
