"""Where each number of a genome stands, for every kind of learned loss."""

from math import prod
from typing import NamedTuple

import torch
from torch import Tensor

from mln.config import LossSpec

TAYLOR_SIZE = 8
EXPONENTS = ("q", "eps", "gamma", "tau")
"""Of an adaptive loss, in the order of its genes; see mln.losses.adaptive."""

GATE_OUTPUTS = ("gate", "tau")


class GenomeBlock(NamedTuple):
    """A named part of a genome."""

    name: str
    shape: tuple[int, ...]


class Layout(NamedTuple):
    """The blocks of a genome, in order."""

    blocks: tuple[GenomeBlock, ...]

    @property
    def size(self) -> int:
        """Number of genes."""
        return sum(prod(block.shape) for block in self.blocks)

    def split(self, theta: Tensor) -> dict[str, Tensor]:
        """Blocks of genomes [P, size] by name, each [P, *shape]."""
        parts = torch.split(theta, [prod(block.shape) for block in self.blocks], dim=-1)
        return {
            block.name: part.reshape(len(theta), *block.shape)
            for block, part in zip(self.blocks, parts, strict=True)
        }


def layout(spec: LossSpec) -> Layout:
    """The layout of a specification's genome.

    A network: for each input a row of weights to the hidden units, those of the class features
    before those of the state; biases; further layers; output weights and constant; and the gate,
    per output the weights of the state and a constant. Without state and gate and with one
    hidden layer on [p, y] these are w_p, w_y, b, v, c: 4 * hidden + 1 numbers.
    An adaptive loss: for each exponent the weights of the state, then the four constants.
    """
    if spec.kind == "taylor":
        return Layout((GenomeBlock("theta", (TAYLOR_SIZE,)),))
    hidden, state = spec.hidden, len(spec.state)
    if spec.kind == "adaptive":
        weights = (GenomeBlock("state", (len(EXPONENTS), state)),) if state else ()
        return Layout((*weights, GenomeBlock("constant", (len(EXPONENTS),))))
    blocks = [GenomeBlock("inputs", (class_inputs(spec), hidden))]
    if state:
        blocks.append(GenomeBlock("state", (state, hidden)))
    blocks.append(GenomeBlock("bias_0", (hidden,)))
    for layer in range(1, spec.depth):
        blocks += [
            GenomeBlock(f"weight_{layer}", (hidden, hidden)),
            GenomeBlock(f"bias_{layer}", (hidden,)),
        ]
    blocks += [GenomeBlock("output", (hidden,)), GenomeBlock("constant", (1,))]
    if spec.head == "gate":
        blocks.append(GenomeBlock("gate", (len(GATE_OUTPUTS), state + 1)))
    return Layout(tuple(blocks))


def class_inputs(spec: LossSpec) -> int:
    """Inputs of a network that are not state; those that do not depend on p, the y, come last."""
    return len(spec.features.split(",")) * (spec.classes or 1)
