"""Formulas on torch's tensors or NumPy's arrays: what they name alike, and what they do not.

For a batch of common size on a CPU, torch's dispatcher costs several times what the arithmetic
does; NumPy's calls cost a fifth of it. Python's operators, `sum(axis=, keepdims=)` and functions
with `out=` are written alike for both.
"""

from math import inf
from typing import Any

import numpy as np
import torch
from torch import Tensor

Array = Any
"""A tensor or an array of NumPy."""

SMALL = 32_768
"""Numbers in a tensor up to which torch's CPU operations use one thread, as NumPy's do."""


def library(x: Array) -> Any:
    """The module with the functions for an array: `torch` or `numpy`."""
    return torch if isinstance(x, Tensor) else np


def tensor(x: Array) -> Tensor:
    """The same numbers, or a number of NumPy's, as a tensor."""
    return x if isinstance(x, Tensor) else torch.from_numpy(np.asarray(x))


def like(x: Tensor, example: Array) -> Array:
    """The same numbers, held as the example is."""
    return x if isinstance(example, Tensor) else x.numpy()


def numbers(values: Tensor) -> list[float] | list[Tensor]:
    """A few numbers as Python's own, where no device has to be waited for.

    Elsewhere tensors without a dimension. What is done with either is written alike.
    """
    flat = values.flatten()
    return flat.tolist() if flat.device.type == "cpu" else list(flat.unbind())


def softmax(z: Array) -> Array:
    """Over dimension 1."""
    return z.softmax(1) if isinstance(z, Tensor) else torch.from_numpy(z).softmax(1).numpy()


def log_softmax(z: Array) -> Array:
    """Over dimension 1."""
    return z.log_softmax(1) if isinstance(z, Tensor) else torch.from_numpy(z).log_softmax(1).numpy()


def with_floor(log_p: Array, lowest: float) -> Array:
    """Log-probabilities with `lowest` in place of -inf; overwrites them."""
    if isinstance(log_p, Tensor):
        return log_p.masked_fill_(log_p == -inf, lowest)
    np.putmask(log_p, log_p == -inf, lowest)
    return log_p


def log_target_parts(log_p: Array, y: Array) -> Array:
    """What each class adds to log p_t: y log p, where -inf counts for nothing if y is 0."""
    parts = y * log_p
    if isinstance(parts, Tensor):
        return torch.where(y == 0, 0, parts)
    if np.isnan(parts.sum()):
        np.putmask(parts, y == 0, 0)
    return parts
