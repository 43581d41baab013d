"""What augmentation does to each minibatch of a slot, drawn before the training begins.

A slot's draws come from its seed alone, those of each kind from a generator of their own: paired
losses see the same examples, on every device, and one kind disturbs no other.
"""

from typing import NamedTuple

import numpy as np
from numpy.random import SeedSequence
from numpy.typing import NDArray

from mln.config import AugmentationSpec, TrainingSpec
from mln.random import generator

SHIFT, FLIP, HOLE, MIXUP = range(4)


class Augmentation(NamedTuple):
    """The draws of T minibatches of B examples, or of K slots [K, T, ...]; None of what is not
    done.

    shift: int8 [T, B, 2], where the window begins in the padded picture (row, column); flip: bool
    [T, B]; hole: int16 [T, B, 2], the pixel in the middle of the square; share: float32 [T], what
    an example keeps of itself; partner: int32 [T, B], the place in the minibatch of the example
    that it is mixed with.
    """

    shift: NDArray[np.int8] | None = None
    flip: NDArray[np.bool_] | None = None
    hole: NDArray[np.int16] | None = None
    share: NDArray[np.float32] | None = None
    partner: NDArray[np.int32] | None = None


def drawn(
    training: TrainingSpec, image: tuple[int, int, int] | None, seed: SeedSequence
) -> Augmentation:
    """The draws of one slot. Raises ValueError where the examples are not the pictures it needs."""
    spec: AugmentationSpec = training.augmentation
    obstacle = spec.obstacle(image)
    if obstacle is not None:
        raise ValueError(obstacle)
    each = (training.steps, training.batch_size)
    shift = flip = hole = share = partner = None
    if spec.crop:
        shift = generator(seed, SHIFT).integers(0, 2 * spec.crop + 1, (*each, 2)).astype(np.int8)
    if spec.flip:
        flip = generator(seed, FLIP).random(each) < 0.5
    if spec.cutout and image is not None:
        hole = generator(seed, HOLE).integers(0, image[1:], (*each, 2)).astype(np.int16)
    if spec.mixup:
        rng = generator(seed, MIXUP)
        share = rng.beta(spec.mixup, spec.mixup, training.steps).astype(np.float32)
        order = np.tile(np.arange(training.batch_size, dtype=np.int32), (training.steps, 1))
        partner = rng.permuted(order, axis=1)
    return Augmentation(shift, flip, hole, share, partner)


def stacked(slots: "list[Augmentation]") -> Augmentation:
    """The draws of several slots, [K, T, ...]."""
    return Augmentation(
        *(None if parts[0] is None else np.stack(parts) for parts in zip(*slots, strict=True))
    )
