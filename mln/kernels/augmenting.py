"""Minibatches as augmentation makes them, on any device."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from mln.config import AugmentationSpec
from mln.problem import Problem


class Augmenter(NamedTuple):
    """What `mln.augmentation` drew, on a device; the arrays are [K, T, ...] or None.

    Added examples of a minibatch are moved somehow; their weight is 0. Nothing is copied from the
    host in a step.
    """

    spec: AugmentationSpec
    image: tuple[int, int, int] | None
    shift: Tensor | None
    flip: Tensor | None
    hole: Tensor | None
    share: Tensor | None
    partner: Tensor | None

    @classmethod
    def put(cls, problem: Problem, device: str, extra: int) -> "Augmenter | None":
        """A problem's draws on a device, with `extra` examples in each minibatch; None of none."""
        spec = problem.training.augmentation
        if not spec.changes:
            return None
        parts = [
            None if part is None else torch.from_numpy(part).to(device)
            for part in problem.augmentation
        ]
        if extra:
            shift, flip, hole, share, partner = parts
            parts = [
                None if shift is None else pad(shift, (0, 0, 0, extra)),
                None if flip is None else pad(flip, (0, extra)),
                None if hole is None else pad(hole, (0, 0, 0, extra)),
                share,
                None if partner is None else pad(partner, (0, extra)),
            ]
        return cls(spec, problem.image, *parts)

    def __call__(
        self, x: Tensor, y: Tensor, slots: Tensor, step: int | Tensor
    ) -> tuple[Tensor, Tensor]:
        """Examples x [K, B, D] and targets y [K, C, B] of the slots of these numbers, int64 [K],
        in a step (a number, or int64 [1] on the device)."""

        def now(drawn: Tensor) -> Tensor:
            at = drawn[:, step] if isinstance(step, int) else drawn.index_select(1, step)[:, 0]
            return at.index_select(0, slots)

        if self.image is not None and self.spec.of_pictures:
            members, batch, features = x.shape
            pictures = x.reshape(members * batch, *self.image)
            x = self._moved(pictures, now).reshape(members, batch, features)
        if self.share is not None and self.partner is not None:
            share = now(self.share).to(x.dtype)[:, None, None]
            partner = now(self.partner).long()
            x = _mixed(x, share, partner[:, :, None], 1)
            y = _mixed(y, share, partner[:, None, :], 2)
        return x, y

    def _moved(self, pictures: Tensor, now: Callable[[Tensor], Tensor]) -> Tensor:
        """Pictures [N, channels, height, width], each cropped, mirrored and with its hole."""
        height, width = pictures.shape[2:]
        rows = torch.arange(height, device=pictures.device).expand(len(pictures), -1)
        columns = torch.arange(width, device=pictures.device).expand(len(pictures), -1)
        seen = None
        if self.hole is not None:
            middle = now(self.hole).long().view(-1, 2)
            first = middle - self.spec.cutout // 2
            in_rows = _within(rows - first[:, :1], self.spec.cutout)
            in_columns = _within(columns - first[:, 1:], self.spec.cutout)
            seen = ~(in_rows[:, :, None] & in_columns[:, None, :])
        if self.flip is not None:
            mirrored = now(self.flip).view(-1, 1)
            columns = torch.where(mirrored, width - 1 - columns, columns)
        if self.shift is not None:
            moved = now(self.shift).long().view(-1, 2) - self.spec.crop
            rows, columns = rows + moved[:, :1], columns + moved[:, 1:]
            inside = _within(rows, height)[:, :, None] & _within(columns, width)[:, None, :]
            seen = inside if seen is None else seen & inside
            rows, columns = rows.clamp(0, height - 1), columns.clamp(0, width - 1)
        if self.shift is not None or self.flip is not None:
            places = (rows[:, :, None] * width + columns[:, None, :]).flatten(1)
            channels = pictures.shape[1]
            flat = pictures.flatten(2).gather(2, places[:, None].expand(-1, channels, -1))
            pictures = flat.view(pictures.shape)
        return pictures if seen is None else pictures * seen[:, None]


def _within(place: Tensor, size: int) -> Tensor:
    return (place >= 0) & (place < size)


def _mixed(values: Tensor, share: Tensor, partner: Tensor, dimension: int) -> Tensor:
    """Each example's values and its partner's, at its share."""
    other = values.gather(dimension, partner.expand_as(values))
    return share * values + (1 - share) * other
