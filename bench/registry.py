"""The register of losses: names, parameters and sources. Importing it imports no torch."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from bench.errors import InputError
from bench.experiment import digest, nearest
from mln.config import LossSpec

if TYPE_CHECKING:
    from mln.losses.base import StackedLoss


@dataclass(frozen=True)
class LossEntry:
    """A hand-made loss or control; `default` is the value of its own parameter, if it has one."""

    name: str
    description: str
    source: str
    parameter: str | None = None
    default: float | None = None


LOSSES = {
    entry.name: entry
    for entry in (
        LossEntry("ce", "cross-entropy, -log p_t", "standard"),
        LossEntry("mse", "mean over classes of (p - y)^2 on probabilities", "Brier 1950"),
        LossEntry(
            "gce", "(1 - p_t^q) / q, robust to label noise", "Zhang & Sabuncu 2018", "q", 0.7
        ),
        LossEntry(
            "label_smoothing",
            "cross-entropy against (1 - eps) y + eps / C",
            "Szegedy et al. 2016",
            "eps",
            0.1,
        ),
        LossEntry("mln_initial", "the un-evolved network, an imitation of CE", "control"),
    )
}


@dataclass(frozen=True)
class LossRef:
    """A loss that a learner can be trained under; picklable, and hashable into a key.

    kind: a register name or "mln"; parameter: its own; spec and genome: those of a network.
    """

    name: str
    kind: str
    parameter: float | None = None
    spec: LossSpec | None = None
    genome: tuple[float, ...] | None = None

    def identity(self) -> dict[str, Any]:
        """What distinguishes this loss from others, whatever an experiment calls it."""
        return {
            "kind": self.kind,
            "parameter": self.parameter,
            "spec": asdict(self.spec) if self.spec else None,
            "genome": digest(self.genome) if self.genome else None,
        }

    def stacked(self, members: int, classes: int, device: str) -> "StackedLoss":
        """This loss for `members` learners on tasks of `classes` classes."""
        import torch

        from mln.genome import imitation
        from mln.losses.formulas import ONE_PARAMETER, PLAIN
        from mln.losses.meta import stacked_from_genomes

        if self.kind in PLAIN:
            return PLAIN[self.kind](members)
        if self.kind in ONE_PARAMETER:
            parameter = float(self.parameter or 0.0)
            return ONE_PARAMETER[self.kind](torch.full((members,), parameter, device=device))
        spec = self.spec or LossSpec()
        theta: torch.Tensor = torch.tensor(
            imitation(spec) if self.genome is None else self.genome, device=device
        )
        return stacked_from_genomes(spec, theta.expand(members, -1), classes)


def reference(name: str, spec: LossSpec) -> LossRef:
    """The loss of the register with this name; `spec` is the experiment's network.

    Raises InputError for a name that is not registered.
    """
    if name not in LOSSES:
        raise InputError(f"loss {name!r}: unknown{nearest(name, LOSSES)}")
    entry = LOSSES[name]
    return LossRef(name, name, entry.default, spec if name == "mln_initial" else None)
