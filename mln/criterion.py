"""`MetaLoss`: a learned loss as an ordinary torch criterion."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from torch import Tensor, nn

from mln.config import LossSpec
from mln.files import load_loss, save_loss
from mln.genome import imitation
from mln.hub import downloaded, is_repository, uploaded
from mln.layout import layout
from mln.losses.arrays import Array, like, softmax, tensor
from mln.losses.base import state_of
from mln.losses.by_hand import Batch, columns, evaluated, is_host, one_hot, small_columns
from mln.losses.certainty import has_own_zero, value_at_certainty
from mln.losses.host_state import observed_alone, read_alone
from mln.losses.meta import LearnedLoss, stacked_from_genomes
from mln.losses.state import TrainingState, initial_memory, observed
from mln.pretrained import NAMES, loss_path
from mln.search.base import Genomes

Reduction = Literal["mean", "sum", "none"]

FULL = torch.float32
"""The least precise numbers that a loss is kept and computed in."""


class MetaLoss(nn.Module):
    """A learned loss of a classifier, used like `torch.nn.CrossEntropyLoss`.

    Without arguments it is the un-evolved network, an imitation of cross-entropy. It works for
    any number of classes (of scope "vector": for its own); its gradient has cross-entropy's
    scale on a fixed probe of logits. The genome is a buffer: training a classifier does not
    change the loss.

    A loss with a state follows the training: every call in training mode with gradients enabled
    is a step, of `total_steps`, whose batch the state takes in. It is saved in the state_dict;
    `reset` starts over. In evaluation mode, or without gradients, the state stands still.
    """

    genome: Tensor
    weight: Tensor | None
    memory: Tensor
    steps_done: Tensor

    def __init__(
        self,
        spec: LossSpec | None = None,
        genome: Genomes | Tensor | None = None,
        *,
        weight: Tensor | None = None,
        ignore_index: int = -100,
        reduction: Reduction = "mean",
        total_steps: int | None = None,
    ) -> None:
        """A loss from its specification and genome, float32 [G].

        weight: a factor per class [C]; ignore_index: a label that does not count; reduction: all
        as in `torch.nn.CrossEntropyLoss`. total_steps: the training steps planned, needed by a
        state with the feature "progress". Raises ValueError where the genome's length does not
        fit the specification, or an argument is out of range.
        """
        super().__init__()
        self.spec = spec or LossSpec()
        self.ignore_index = ignore_index
        self.reduction = reduction
        self.total_steps = total_steps
        self.provenance: dict[str, Any] = {}
        if reduction not in ("mean", "sum", "none"):
            raise ValueError(f"reduction must be mean, sum or none, not {reduction!r}")
        if total_steps is None and "progress" in self.spec.state:
            raise ValueError("this loss follows the progress of training: give total_steps")
        if total_steps is not None and total_steps < 1:
            raise ValueError(f"total_steps must be at least 1, not {total_steps}")
        given = imitation(self.spec) if genome is None else genome
        genes = given.detach().clone() if isinstance(given, Tensor) else torch.tensor(given)
        if genes.shape != (layout(self.spec).size,):
            raise ValueError(
                f"this specification has genomes of {layout(self.spec).size} numbers, "
                f"not of shape {tuple(genes.shape)}"
            )
        self.register_buffer("genome", genes.float())
        self._made: tuple[Tensor, tuple[Any, ...], LearnedLoss, Tensor | None] | None = None
        self.register_buffer("weight", weight)
        self.register_buffer("memory", torch.zeros(0))
        self.register_buffer("steps_done", torch.zeros((), dtype=torch.long))

    def reset(self) -> None:
        """Go back to the start of training."""
        self.memory = self.memory.new_zeros(0)
        self.steps_done.zero_()

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Loss of logits [C], [N, C] or [N, C, d1, ...] for a target.

        The target holds class indices [N, d1, ...] or class probabilities shaped as the logits.
        Returns a scalar, or [N, d1, ...] with reduction "none". With class indices and "mean"
        the sum is divided by the sum of the targets' weights, with probabilities by their
        number. Computed in float32, or float64 for such logits. Raises ValueError where the
        shapes do not fit.
        """
        device = logits.device.type
        if torch.is_autocast_enabled(device):
            with torch.autocast(device, enabled=False):
                return self._loss_of(logits, target)
        return self._loss_of(logits, target)

    def _loss_of(self, logits: Tensor, target: Tensor) -> Tensor:
        if logits.dim() == 1:
            logits = logits[None]
            each_shape: tuple[int, ...] = ()
            target = target[None]
        else:
            each_shape = (logits.shape[0], *logits.shape[2:])
        z: Array = None if target.requires_grad else small_columns(logits.detach(), target)
        if z is None:
            z = columns(logits.detach())
        dtype = tensor(z).dtype
        y, ignored = self._target(logits, target, z)
        loss, zero = self._made_for(logits.shape[1], dtype)
        counts = None if ignored is None else (~ignored).to(dtype)
        state, p = state_of(loss), None
        if state is not None:
            p = self._follow(state, z, y, counts)
        factors: Tensor | float = 1.0 if counts is None else counts
        if self.weight is not None:
            y = tensor(y) * self.weight.to(dtype)[:, None]
            total = y.sum(1)[0]
            # Of cross-entropy this is -sum w_c y_c log p_c, of any loss a mean of targets.
            y = y / torch.where(total == 0, 1, total)
            factors = factors * total
        if self.reduction == "mean":
            if isinstance(factors, float) or target.is_floating_point():
                factors = factors / z.shape[2]
            else:
                factors = factors / factors.sum()

        def subtracted() -> Tensor | None:
            if has_own_zero(self.spec):
                return None
            at = zero
            if at is None:
                at = value_at_certainty(self.spec, loss, z.shape[1], tensor(z))
            return (tensor(y)[0] * at).sum(0) if at.dim() else at

        batch = Batch(z, p, y, factors, ignored, subtracted, self.reduction != "none")
        result = evaluated(loss, logits, batch)
        return result if batch.whole else result.view(each_shape)

    def _made_for(self, classes: int, dtype: torch.dtype) -> tuple[LearnedLoss, Tensor | None]:
        """The loss for a number of classes and, where no state moves it, its value at certainty.

        Kept from call to call: the loss's scale costs a probe.
        """
        if torch.compiler.is_compiling() or self.genome.is_inference():
            return stacked_from_genomes(self.spec, self.genome[None].to(dtype), classes), None
        genome, made = self.genome, self._made
        key = (classes, dtype, genome._version)
        if made is None or made[0] is not genome or made[1] != key:
            with torch.inference_mode(False), torch.no_grad():
                loss = stacked_from_genomes(self.spec, genome[None].to(dtype), classes)
                like = genome.to(dtype)
                moves = state_of(loss) is not None or has_own_zero(self.spec)
                zero = None if moves else value_at_certainty(self.spec, loss, classes, like)
            made = self._made = (genome, key, loss, zero)
        return made[2:]

    def _target(self, logits: Tensor, target: Tensor, z: Array) -> tuple[Array, Tensor | None]:
        """Class probabilities of the targets, held as the columns z [1, C, B], and which of them
        are ignored [B], or None."""
        if target.is_floating_point():
            if target.shape != logits.shape:
                raise ValueError(
                    f"class probabilities must have the logits' shape {tuple(logits.shape)}, "
                    f"not {tuple(target.shape)}"
                )
            flat = target.movedim(1, 0).flatten(1)[None]
            return like(flat.to(tensor(z).dtype), z), None
        expected = (logits.shape[0], *logits.shape[2:])
        if target.shape != expected:
            raise ValueError(
                f"class indices must have the shape {tuple(expected)}, not {tuple(target.shape)}"
            )
        labels = target.flatten().long()
        y = one_hot(labels, z, self.ignore_index)
        if y is not None:
            return y, None
        ignored = labels == self.ignore_index
        labels = labels.masked_fill(ignored, 0)
        held = tensor(z)
        y = torch.zeros(held.shape, dtype=held.dtype, device=held.device)
        return like(y.scatter(1, labels[None, None], 1.0), z), ignored

    def _follow(self, state: TrainingState, z: Array, y: Array, counts: Tensor | None) -> Array:
        """Give the loss its state, and let that take in a batch of training.

        counts: 0 for each example [B] that is ignored, otherwise 1. Returns softmax(z), or None
        where it was not needed.
        """
        memory, steps_done = self.memory.to(tensor(z).dtype), self.steps_done
        if len(memory) == 0:
            memory = initial_memory(state.classes, tensor(z)[..., :0, 0])
        learns = self.training and torch.is_grad_enabled()
        p: Array = softmax(z) if learns else None
        if not isinstance(z, Tensor) and is_host(memory):
            step = int(steps_done)
            if learns:
                memory = observed_alone(memory, p, y, counts, step)
                # Assigning to a buffer costs as much as a softmax.
                self._buffers["memory"] = memory.to(self.genome.dtype)
                self._buffers["steps_done"] = tensor(np.asarray(step + 1))
            read_alone(state, memory, step / self.total_steps if self.total_steps else 0.0)
        else:
            z, y, at = tensor(z), tensor(y), steps_done.to(memory.dtype)
            if learns:
                counts = torch.ones_like(z[0, 0]) if counts is None else counts
                number = counts.sum()
                updated = observed(memory, tensor(p), y, counts / number.clamp_min(1), at)
                # A step that overflowed (a scaler of mixed precision skips it) leaves no trace.
                memory = torch.where(updated.isfinite().all() & (number > 0), updated, memory)
                self.memory, self.steps_done = memory.to(self.genome.dtype), steps_done + 1
            state.read(memory, at / self.total_steps if self.total_steps else 0.0)
        return p

    def _load_from_state_dict(
        self, state_dict: Mapping[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        # The memory's length depends on the number of classes, known once training has begun.
        saved = state_dict.get(prefix + "memory")
        if saved is not None:
            self.memory = self.memory.new_zeros(saved.shape)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        # In half precision the genome would be another loss, and a running mean would stand still.
        def kept(tensor: Tensor) -> Tensor:
            made = fn(tensor)
            halved = made.is_floating_point() and made.itemsize < FULL.itemsize
            return tensor.to(made.device) if halved else made

        super()._apply(kept, recurse)  # type: ignore[no-untyped-call]
        return self

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles: all but what can be made again."""
        return {**self.__dict__, "_made": None}

    def extra_repr(self) -> str:
        """Shown by print."""
        return f"{self.spec}, reduction={self.reduction!r}"

    def save(self, path: str | Path, provenance: Mapping[str, Any] | None = None) -> None:
        """Write the loss, without the state of a training, as one safetensors file.

        provenance: where it came from, whatever JSON can hold (experiment, seed, budget, ...).
        """
        genome = self.genome.detach().cpu().numpy()
        save_loss(Path(path), self.spec, genome, provenance or self.provenance)

    @classmethod
    def load(cls, path: str | Path, **arguments: Any) -> Self:
        """Read a loss file; `arguments` are those of the constructor, as total_steps=1000.

        Raises LossFileError for a missing, foreign or damaged file.
        """
        saved = load_loss(Path(path))
        loss = cls(saved.spec, saved.genome, **arguments)
        loss.provenance = saved.provenance
        return loss

    @classmethod
    def from_pretrained(
        cls, source: str | Path, revision: str | None = None, **arguments: Any
    ) -> Self:
        """An evolved loss that comes with the package, as `adaptive`, one from a file or folder, or
        one from the Hugging Face Hub, as "user/name" (a `revision` of it; extra `hub`).

        `arguments` are those of the constructor; "adaptive" follows the progress of training and
        needs total_steps. `mln.pretrained.card` tells where a shipped loss wins and loses. Raises
        ValueError for an unknown name or one that cannot be reached, LossFileError for a foreign
        or damaged file, ImportError where the extra is needed and not installed.
        """
        is_here = str(source) in NAMES or Path(source).exists()
        if is_here or not is_repository(source):
            return cls.load(loss_path(source), **arguments)
        return cls.load(loss_path(downloaded(str(source), revision)), **arguments)

    def push_to_hub(
        self, repository: str, readme: str | None = None, *, private: bool = False
    ) -> str:
        """Put the loss on the Hugging Face Hub, as "user/name", with a page that says how it is
        used, or with `readme`; its address.

        Needs the extra `hub` and an access token (`hf auth login`). Raises ValueError where the Hub
        refuses or cannot be reached, ImportError where the extra is not installed.
        """
        genome = self.genome.detach().cpu().numpy()
        return uploaded(repository, self.spec, genome, self.provenance, readme, private=private)
