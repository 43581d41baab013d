"""`MetaLoss`: a learned loss as an ordinary torch criterion."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from mln.config import LossSpec
from mln.files import load_loss, save_loss
from mln.genome import Genomes, imitation, layout
from mln.losses.meta import StackedMetaLoss

Reduction = Literal["mean", "sum", "none"]


class MetaLoss(nn.Module):
    """A small network as the loss of a classifier, used like `torch.nn.CrossEntropyLoss`.

    Without arguments it is the un-evolved network, an imitation of cross-entropy. It works for
    any number of classes; its gradient has cross-entropy's scale on a fixed probe of logits.
    The genome is a buffer: training a classifier does not change the loss.
    """

    genome: Tensor

    def __init__(
        self,
        spec: LossSpec | None = None,
        genome: Genomes | None = None,
        *,
        reduction: Reduction = "mean",
    ) -> None:
        """Raises ValueError where the genome's length does not fit the specification."""
        super().__init__()
        self.spec = spec or LossSpec()
        self.reduction = reduction
        self.provenance: dict[str, Any] = {}
        if reduction not in ("mean", "sum", "none"):
            raise ValueError(f"reduction must be mean, sum or none, not {reduction!r}")
        weights = torch.tensor(imitation(self.spec) if genome is None else genome)
        if weights.shape != (layout(self.spec).size,):
            raise ValueError(
                f"this specification has genomes of {layout(self.spec).size} numbers, "
                f"not of shape {tuple(weights.shape)}"
            )
        self.register_buffer("genome", weights.float())

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Loss of logits [N, C] or [N, C, d1, ...] for a target.

        The target holds class indices [N, d1, ...] or class probabilities shaped as the logits.
        Returns a scalar, or [N, d1, ...] with reduction "none".
        """
        classes = logits.shape[1]
        if target.is_floating_point():
            y = target.movedim(1, 0).flatten(1)
        else:
            y = one_hot(target.flatten(), classes).T
        z = logits.movedim(1, 0).flatten(1)[None]
        loss = StackedMetaLoss(self.spec, self.genome[None].to(z.dtype), classes)
        each = loss.value(z, y[None].to(z.dtype))[0]
        if self.reduction == "none":
            return each.view(logits.shape[0], *logits.shape[2:])
        return each.mean() if self.reduction == "mean" else each.sum()

    def extra_repr(self) -> str:
        """Shown by print."""
        return f"{self.spec}, reduction={self.reduction!r}"

    def save(self, path: str | Path, provenance: Mapping[str, Any] | None = None) -> None:
        """Write the loss and its provenance as one safetensors file."""
        genome = self.genome.detach().cpu().numpy()
        save_loss(Path(path), self.spec, genome, provenance or self.provenance)

    @classmethod
    def load(cls, path: str | Path, *, reduction: Reduction = "mean") -> Self:
        """Read a loss file. Raises LossFileError for a foreign or damaged one."""
        saved = load_loss(Path(path))
        loss = cls(saved.spec, saved.genome, reduction=reduction)
        loss.provenance = saved.provenance
        return loss
