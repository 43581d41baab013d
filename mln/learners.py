"""Learners: what their layers are, and where each weight stands in one flat vector per learner."""

from importlib import import_module
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mln.config import LearnerSpec

if TYPE_CHECKING:
    from torch import Tensor, nn

Image = tuple[int, int, int]
LARGEST_WHOLE = 2**24
"""Whole numbers up to this one are exact in float32."""


class Layer(NamedTuple):
    """A linear layer and where its weight [out, in] and bias [out] stand in the flat vector."""

    inputs: int
    outputs: int
    weight: slice
    bias: slice


class Convolution(NamedTuple):
    """A convolution with ReLU units, on pictures of `height` x `width`, padded by `padding` zeros.

    Its weight [out, in, kernel, kernel] and bias [out] stand at these places of the flat vector.
    pool: whether the largest of each 2 x 2 square goes on; an odd last row or column is dropped.
    """

    inputs: int
    outputs: int
    kernel: int
    padding: int
    height: int
    width: int
    pool: bool
    weight: slice
    bias: slice

    @property
    def fan_in(self) -> int:
        """Numbers that one unit sees."""
        return self.inputs * self.kernel**2

    @property
    def output(self) -> Image:
        """(channels, height, width) of what goes on."""
        grown = 2 * self.padding - self.kernel + 1
        height, width = self.height + grown, self.width + grown
        return (
            (self.outputs, height // 2, width // 2) if self.pool else (self.outputs, height, width)
        )


class LearnerPlan(NamedTuple):
    """The layers of a learner, first to last: convolutions, then linear layers on what they give.

    size: the number of weights. All layers but the last have ReLU units.
    """

    convolutions: tuple[Convolution, ...]
    linear: tuple[Layer, ...]
    size: int


def plan(spec: LearnerSpec, features: int, classes: int, image: Image | None = None) -> LearnerPlan:
    """The layers of an `mlp` or `cnn` learner for tasks of this shape.

    Raises ValueError where a CNN gets what is no picture, or one too small.
    """
    convolutions, at = [], 0
    inputs = features
    if spec.kind == "cnn":
        if image is None:
            raise ValueError("a cnn learner needs pictures: this task has none; use an mlp learner")
        for channels in spec.channels:
            for number in range(spec.per_block):
                depth, height, width = image
                middle = at + channels * depth * spec.kernel**2
                layer = Convolution(
                    depth,
                    channels,
                    spec.kernel,
                    spec.padding,
                    height,
                    width,
                    number == spec.per_block - 1,
                    slice(at, middle),
                    slice(middle, middle + channels),
                )
                at, image = middle + channels, layer.output
                if min(image) < 1:
                    raise ValueError(
                        f"a cnn learner with channels {spec.channels} and kernel {spec.kernel} "
                        f"needs larger pictures than {height} x {width} before its last block"
                    )
                convolutions.append(layer)
        inputs = image[0] * image[1] * image[2]
    linear = []
    for width_in, width_out in pairwise((inputs, *spec.hidden, classes)):
        middle = at + width_in * width_out
        linear.append(
            Layer(width_in, width_out, slice(at, middle), slice(middle, middle + width_out))
        )
        at = middle + width_out
    return LearnerPlan(tuple(convolutions), tuple(linear), at)


def initial_weights(
    spec: LearnerSpec,
    features: int,
    classes: int,
    generator: Generator,
    image: Image | None = None,
) -> NDArray[np.float32]:
    """Weights and biases from U(-1/sqrt(fan_in), 1/sqrt(fan_in)), as torch draws them.

    A module's own are drawn by its constructor, from torch's generator seeded for the occasion;
    its buffers follow its parameters.
    """
    if spec.kind == "module":
        return _module_weights(spec, features, classes, generator, image)
    parts = []
    layers = plan(spec, features, classes, image)
    for convolution in layers.convolutions:
        bound = convolution.fan_in**-0.5
        parts.append(
            generator.uniform(-bound, bound, convolution.outputs * (convolution.fan_in + 1))
        )
    for layer in layers.linear:
        bound = layer.inputs**-0.5
        parts.append(generator.uniform(-bound, bound, layer.outputs * (layer.inputs + 1)))
    return np.concatenate(parts).astype(np.float32)


def build_module(
    spec: LearnerSpec, features: int, classes: int, image: Image | None = None
) -> "nn.Module":
    """A user's own network: `spec.module` names "package.module:factory", which is called with
    features, classes and image and returns a torch.nn.Module from [B, D] to logits [B, C].

    Raises ValueError where there is no such factory.
    """
    home, _, name = spec.module.partition(":")
    try:
        factory = getattr(import_module(home), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"learner module {spec.module!r}: {error}") from error
    module: nn.Module = factory(features=features, classes=classes, image=image)
    return module


def try_module(
    spec: LearnerSpec, shape: tuple[int, int], image: Image | None, examples: int
) -> None:
    """Build a network and call it on `examples` zeros as training does; shape: (features, classes).

    Raises ValueError where it gives no logits [B, C], and whatever the module raises: batch norm
    cannot train on a single example.
    """
    import torch

    with torch.random.fork_rng(devices=[]), torch.no_grad():
        module = build_module(spec, *shape, image)
        buffers_of(module)
        z = module(torch.zeros(examples, shape[0]))
    if tuple(z.shape) != (examples, shape[1]):
        raise ValueError(f"gives {tuple(z.shape)} for logits {(examples, shape[1])}")


def _module_weights(
    spec: LearnerSpec,
    features: int,
    classes: int,
    generator: Generator,
    image: Image | None,
) -> NDArray[np.float32]:
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(generator.integers(2**63)))
        module = build_module(spec, features, classes, image)
        parts = [*module.parameters(), *buffers_of(module).values()]
    return torch.cat([part.detach().flatten().float() for part in parts]).numpy()


def buffers_of(module: "nn.Module") -> "dict[str, Tensor]":
    """The buffers of a module by name: what it keeps besides its parameters.

    Raises ValueError for one that float32 cannot hold.
    """
    buffers = dict(module.named_buffers())
    for name, part in buffers.items():
        if part.is_complex() or not (part.is_floating_point() or _is_small(part)):
            raise ValueError(f"buffer {name!r} holds numbers that float32 has not")
    return buffers


def _is_small(whole: "Tensor") -> bool:
    return not whole.numel() or int(whole.long().abs().max()) <= LARGEST_WHOLE


def learner_name(spec: LearnerSpec) -> str:
    """A learner's name in the rows: mlp-32-32, cnn-6-16-k5-120-84, logistic, or a module's."""
    hidden = [str(width) for width in spec.hidden]
    if spec.kind == "module":
        return spec.module.rpartition(":")[2]
    if spec.kind == "mlp":
        return "-".join(["mlp", *hidden]) if hidden else "logistic"
    channels = [
        str(width) if spec.per_block == 1 else f"{width}x{spec.per_block}"
        for width in spec.channels
    ]
    kernel = f"k{spec.kernel}" + (f"p{spec.padding}" if spec.padding else "")
    return "-".join(["cnn", *channels, kernel, *hidden])
