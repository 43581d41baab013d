"""Random numbers of a training step: a pure function of a learner's seed, the step and the place.

They come from a counter, not from a generator with a state: the same on every device, for one
learner alone and for many under torch.func.vmap, and the same under every loss.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

GOLDEN = -7046029254386353131
FIRST, SECOND = -4658895280553007687, -7723592293110705685
"""0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9 and 0x94D049BB133111EB of splitmix64 (Steele, Lea and
Flood 2014), as int64, whose products wrap around as those of uint64 do."""


class Moment(NamedTuple):
    """A training step of P learners: keys, int64 [P], are those of their slots; step counts from
    0, a number or int64 [1]."""

    keys: Tensor
    step: int | Tensor

    def step_keys(self) -> Tensor:
        """What the step draws from, int64 [P]."""
        return _mixed(self.keys + _mixed(GOLDEN * (torch.as_tensor(self.step).long() + 1)))


def uniform(key: Tensor, place: int, count: int) -> Tensor:
    """Numbers from U[0, 1), float32 [count]: those of a step's draw number `place`.

    key: int64, a scalar.
    """
    index = torch.arange(1, count + 1, device=key.device)
    own = (GOLDEN * (place + 1) + 2**63) % 2**64 - 2**63
    bits = _mixed(_mixed(key + own) + GOLDEN * index)
    return _shifted(bits, 40).float() * 2.0**-24


def _mixed(h: Tensor) -> Tensor:
    h = (h ^ _shifted(h, 30)) * FIRST
    h = (h ^ _shifted(h, 27)) * SECOND
    return h ^ _shifted(h, 31)


def _shifted(h: Tensor, bits: int) -> Tensor:
    """h >> bits, without its sign."""
    return (h >> bits) & ((1 << (64 - bits)) - 1)


class OwnDropout(TorchFunctionMode):
    """Every dropout within draws its mask from the key of the step, in the order of the calls.

    key: int64, a scalar.
    """

    def __init__(self, key: Tensor) -> None:
        self.key, self.place = key, 0

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Calls `func`, or drops in its place."""
        if func in MASK_SHAPES:
            return self._dropped(MASK_SHAPES[func], *args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))

    def _dropped(
        self,
        mask_shape: Callable[[Tensor], tuple[int, ...]],
        input: Tensor,
        p: float = 0.5,
        training: bool = True,
        inplace: bool = False,
    ) -> Tensor:
        if not training or p == 0:
            return input
        shape = mask_shape(input)
        count = torch.Size(shape).numel()
        kept = uniform(self.key, self.place, count).view(shape) >= p
        self.place += 1
        mask = kept.to(input.dtype) / (1 - p) if p < 1 else kept.to(input.dtype)
        return input.mul_(mask) if inplace else input * mask


def _each(input: Tensor) -> tuple[int, ...]:
    return tuple(input.shape)


def _channels(spatial: int) -> Callable[[Tensor], tuple[int, ...]]:
    """One number for each channel; with one dimension less there is but one example."""

    def shape(input: Tensor) -> tuple[int, ...]:
        kept = 1 if input.dim() == spatial + 1 else 2
        return (*input.shape[:kept], *(1,) * (input.dim() - kept))

    return shape


MASK_SHAPES: dict[Callable[..., Any], Callable[[Tensor], tuple[int, ...]]] = {
    functional.dropout: _each,
    torch.dropout: _each,
    functional.dropout1d: _channels(1),
    functional.dropout2d: _channels(2),
    functional.dropout3d: _channels(3),
}
"""What is dropped together, by torch's function."""


@contextmanager
def seeded(key: Tensor) -> Iterator[None]:
    """Whatever else a module draws: torch's generator, seeded for the occasion, of key's device."""
    on_gpu = [key.device] if key.device.type == "cuda" else []
    with torch.random.fork_rng(on_gpu):
        seed = int(key)
        torch.default_generator.manual_seed(seed)
        if on_gpu:
            with torch.cuda.device(key.device):
                torch.cuda.manual_seed(seed)
        yield
