"""A fixed probe of logits, on which every learned loss gets cross-entropy's gradient scale."""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from mln.losses.base import StackedLoss

PROBE_EXAMPLES = 256
MIN_RMS = 1e-8

DEVICE_BLOCK = 256
"""Losses whose scale is computed together on another device than a CPU."""


def gradient_scale(
    loss: StackedLoss,
    classes: int,
    dtype: torch.dtype = torch.float64,
    device: torch.device | None = None,
) -> Tensor:
    """What each of P losses is to be multiplied by, float64 [P]: the RMS of cross-entropy's logit
    gradient over that of the loss, on `probe(classes)`. dtype, device: those of the losses."""
    z, target = probe(classes)
    p = z.softmax(0)
    of_cross_entropy = rms(p - target)
    if device is None or device.type == "cpu":
        return of_cross_entropy / _own_rms(loss, p.to(dtype), target.to(dtype))
    p, target = (t.to(device, dtype) for t in (p, target))
    return of_cross_entropy.to(device) / in_blocks(loss, p, target)


def in_blocks(loss: StackedLoss, p: Tensor, target: Tensor) -> Tensor:
    """RMS of the gradients of P losses, float64 [P], DEVICE_BLOCK losses at a time, always: that
    bounds the memory, and a library multiplies by the number of matrices that it is given."""
    parts = []
    for start in range(0, len(loss), DEVICE_BLOCK):
        numbers = torch.arange(start, start + DEVICE_BLOCK, device=p.device)
        some = loss.take(numbers.clamp_max(len(loss) - 1))
        parts.append(_own_rms(some, p, target)[: len(loss) - start])
    return torch.cat(parts)


def _own_rms(loss: StackedLoss, p: Tensor, target: Tensor) -> Tensor:
    ours = loss.gradient(*(t.expand(len(loss), -1, -1) for t in (p, target)))
    return rms(ours).double().clamp_min(MIN_RMS)


def rms(gradient: Tensor) -> Tensor:
    """Root mean square over the last two dimensions."""
    return gradient.square().mean((-2, -1)).sqrt()


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def probe(classes: int) -> tuple[Tensor, Tensor]:
    """Fixed logits and one-hot targets [C, S]: from undecided to confident, right and wrong."""
    return _probe(classes)


@lru_cache
def _probe(classes: int) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng([classes, PROBE_EXAMPLES])
    spread = np.exp(rng.uniform(np.log(0.2), np.log(6.0), PROBE_EXAMPLES))
    z = rng.standard_normal((classes, PROBE_EXAMPLES)) * spread
    labels = rng.integers(classes, size=PROBE_EXAMPLES)
    target = np.zeros((classes, PROBE_EXAMPLES))
    target[labels, np.arange(PROBE_EXAMPLES)] = 1
    return torch.from_numpy(z), torch.from_numpy(target)
