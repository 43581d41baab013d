"""A loss that a learner can be trained under: what a cell's key and its training hold of it."""

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from bench.catalogue.losses import LOSSES, UNEVOLVED
from bench.experiment.sections import BenchmarkSection
from bench.keys import digest
from mln.config import LossSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mln.laws import Law
    from mln.losses.base import StackedLoss

NETWORKS = ("mln", UNEVOLVED)
"""Kinds that are built from a specification and a genome."""


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
        """What distinguishes this loss from others, whatever an experiment calls it and whatever
        its parameter is."""
        identity = {
            "kind": self.kind,
            "spec": asdict(self.spec) if self.spec else None,
            "genome": digest(self.genome) if self.genome else None,
        }
        plugin = LOSSES.digest(self.kind)
        return identity | ({"plugin": plugin} if plugin else {})

    @property
    def form(self) -> LossSpec | str:
        """What a kernel must be able to train under: a specification, or a hand-made kind."""
        law = self._law
        return law.spec if law else self.spec or self.kind

    @property
    def _law(self) -> "Law | None":
        """The adaptive loss that a control of the register is."""
        entry = LOSSES.find(self.kind)
        return entry.law_at(self.parameter) if entry else None

    @property
    def needs_class_counts(self) -> bool:
        """Whether `stacked` needs the class counts of the training labels."""
        entry = LOSSES.find(self.kind)
        return entry is not None and entry.needs_class_counts

    def tried(self, values: int) -> "tuple[LossRef, ...]":
        """This loss at each of the first `values` of its parameter's grid.

        The loss as it is where it has no parameter, or where one value is asked for.
        """
        entry = LOSSES.find(self.kind)
        if values == 1 or entry is None or entry.parameter is None:
            return (self,)
        return tuple(map(self.at, entry.grid[:values]))

    def at(self, parameter: float | None) -> "LossRef":
        """This loss with another value of its parameter."""
        return replace(self, parameter=parameter)

    def stacked(
        self,
        members: int,
        classes: int,
        device: str,
        class_counts: "NDArray[np.int64] | None" = None,
    ) -> "StackedLoss":
        """This loss for `members` learners on tasks of `classes` classes.

        class_counts: how often each class occurs among each learner's training labels
        [members, classes]; for a loss that needs them and ignored by all others. Raises ValueError
        where a loss that needs them gets none.
        """
        law = self._law
        if law is not None:
            return replace(self, kind="mln", **law._asdict()).stacked(members, classes, device)
        if self.kind in NETWORKS:
            return self._network(members, classes, device)
        import torch

        from bench.cells.value_loss import ValueLoss

        entry = LOSSES.get(self.kind)
        parameter = counts = None
        if self.parameter is not None:
            parameter = torch.full((members,), float(self.parameter), device=device)
        if class_counts is not None:
            counts = torch.from_numpy(class_counts).to(device)
        elif entry.needs_class_counts:
            raise ValueError(f"loss {self.kind!r} needs the class counts of the training labels")
        if entry.value is not None:
            return ValueLoss(self.kind, entry.value, members, parameter)
        if entry.stacked is not None:
            return entry.stacked(members, parameter, counts)
        return entry.built_in(members, parameter, counts)

    def _network(self, members: int, classes: int, device: str) -> "StackedLoss":
        import torch

        from mln.genome import imitation
        from mln.losses.meta import stacked_from_genomes

        spec = self.spec or LossSpec()
        theta: torch.Tensor = torch.tensor(
            imitation(spec) if self.genome is None else self.genome, device=device
        )
        return stacked_from_genomes(spec, theta.expand(members, -1), classes)


def reference(name: str, spec: LossSpec) -> LossRef:
    """The loss of the register with this name; `spec` is the experiment's network.

    Raises InputError for a name that is not registered.
    """
    entry = LOSSES.get(name)
    return LossRef(name, name, entry.default, spec if name == UNEVOLVED else None)


def named_losses(benchmark: BenchmarkSection, spec: LossSpec) -> list[LossRef]:
    """The losses that a benchmark names, in its order; `spec` is the experiment's network.

    Raises InputError for a name that is neither registered nor that of a loss from a file.
    """
    refs = []
    for name in benchmark.losses:
        saved = benchmark.saved_losses.get(name)
        refs.append(
            LossRef(name, "mln", None, saved.spec, saved.genome) if saved else reference(name, spec)
        )
    return refs
