"""The register of losses: names, parameters and sources. Importing it imports no torch."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from bench import plugins
from bench.errors import InputError, nearest
from bench.experiment import digest
from bench.sections import LARGEST_GRID
from mln.config import LossSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from mln.losses.base import StackedLoss


@dataclass(frozen=True)
class LossEntry:
    """A hand-made loss or control.

    parameter: the name of its own parameter, if it has one; grid: LARGEST_GRID or more values to
    tune it over, the published default first; needs_class_counts: whether it is built from how
    often each class occurs among a learner's training labels.

    A plug-in's loss has one of two more: value, a function of logits z and one-hot targets y, both
    [P, C, B], and of its parameter [P, 1, 1] where it has one, that returns the loss of each
    example [P, B], with torch alone; or stacked, which makes a `StackedLoss` (mln.losses.base)
    from the number of learners, the parameter [P] or None, and the class counts [P, C] or None.
    """

    name: str
    description: str
    source: str
    parameter: str | None = None
    grid: tuple[float, ...] = ()
    needs_class_counts: bool = False
    value: "Callable[..., Tensor] | None" = None
    stacked: "Callable[[int, Tensor | None, Tensor | None], StackedLoss] | None" = None

    def __post_init__(self) -> None:
        if self.parameter and len(set(self.grid)) < LARGEST_GRID:
            raise ValueError(f"loss {self.name}: declare {LARGEST_GRID} values of its parameter")

    @property
    def default(self) -> float | None:
        """The published value of the parameter."""
        return self.grid[0] if self.grid else None


LOSSES = {
    entry.name: entry
    for entry in (
        LossEntry("ce", "cross-entropy, -log p_t", "standard"),
        LossEntry("mse", "mean over classes of (p - y)^2 on probabilities", "Brier 1950"),
        LossEntry("mse_logits", "mean over classes of (z - y)^2 on logits", "Hui & Belkin 2021"),
        LossEntry("mae", "sum over classes of |p - y|", "Ghosh et al. 2017"),
        LossEntry(
            "hinge",
            "sum over rivals of max(0, 1 - z_t + z_j) / C, as torch's MultiMarginLoss",
            "Weston & Watkins 1999",
        ),
        LossEntry(
            "gce",
            "(1 - p_t^q) / q, robust to label noise",
            "Zhang & Sabuncu 2018",
            "q",
            (0.7, 0.4, 0.9, 0.2, 0.55),
        ),
        LossEntry(
            "sce",
            "alpha CE + reverse CE (beta = 1, A = -4), robust to label noise",
            "Wang et al. 2019",
            "alpha",
            (0.1, 1.0, 0.01, 6.0, 0.3),
        ),
        LossEntry(
            "label_smoothing",
            "cross-entropy against (1 - eps) y + eps / C",
            "Szegedy et al. 2016",
            "eps",
            (0.1, 0.3, 0.03, 0.6, 0.2),
        ),
        LossEntry(
            "focal",
            "-(1 - p_t)^gamma log p_t on softmax probabilities",
            "Lin et al. 2017",
            "gamma",
            (2.0, 1.0, 3.0, 0.5, 5.0),
        ),
        LossEntry(
            "poly1",
            "-log p_t + eps (1 - p_t)",
            "Leng et al. 2022",
            "eps",
            (2.0, -0.5, 5.0, 1.0, -1.0),
        ),
        LossEntry(
            "logit_adjusted",
            "cross-entropy of z + tau log prior, for class imbalance",
            "Menon et al. 2021",
            "tau",
            (1.0, 0.5, 1.5, 2.0, 0.25),
            needs_class_counts=True,
        ),
        LossEntry(
            "class_balanced",
            "cross-entropy weighted by (1 - beta) / (1 - beta^n), for class imbalance",
            "Cui et al. 2019",
            "beta",
            (0.9999, 0.99, 0.999, 0.9, 0.95),
            needs_class_counts=True,
        ),
        LossEntry("mln_initial", "the un-evolved network, an imitation of CE", "control"),
    )
}


def losses() -> Mapping[str, LossEntry]:
    """All losses by name, plug-ins' included."""
    return {**LOSSES, **plugins.losses()}


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
        found = {
            "kind": self.kind,
            "parameter": self.parameter,
            "spec": asdict(self.spec) if self.spec else None,
            "genome": digest(self.genome) if self.genome else None,
        }
        plugin = plugins.digest("losses", self.kind)
        return found | ({"plugin": plugin} if plugin else {})

    @property
    def form(self) -> LossSpec | str:
        """What a kernel must be able to train under: a specification, or a hand-made kind."""
        return self.spec or self.kind

    @property
    def needs_class_counts(self) -> bool:
        """Whether `stacked` needs the class counts of the training labels."""
        entry = losses().get(self.kind)
        return entry is not None and entry.needs_class_counts

    def tried(self, values: int) -> "tuple[LossRef, ...]":
        """This loss at each of the first `values` of its parameter's grid.

        The loss as it is where it has no parameter, or where one value is asked for.
        """
        entry = losses().get(self.kind)
        if values == 1 or entry is None or entry.parameter is None:
            return (self,)
        return tuple(replace(self, parameter=value) for value in entry.grid[:values])

    def stacked(
        self,
        members: int,
        classes: int,
        device: str,
        class_counts: "NDArray[np.int64] | None" = None,
    ) -> "StackedLoss":
        """This loss for `members` learners on tasks of `classes` classes.

        class_counts: how often each class occurs among each learner's training labels
        [members, classes]; for a loss that needs them and ignored by all others.
        """
        import torch

        from mln.genome import imitation
        from mln.losses.catalogue import CLASS_COUNTS, ONE_PARAMETER, PLAIN
        from mln.losses.meta import stacked_from_genomes

        if self.kind in PLAIN:
            return PLAIN[self.kind](members)
        entry = plugins.losses().get(self.kind)
        if entry is not None:
            return self._of_plugin(entry, members, device, class_counts)
        if self.kind in ONE_PARAMETER or self.kind in CLASS_COUNTS:
            value = float(self.parameter or 0.0)
            parameter = torch.full((members,), value, device=device)
            if self.kind in ONE_PARAMETER:
                return ONE_PARAMETER[self.kind](parameter)
            if class_counts is None:
                raise ValueError(
                    f"loss {self.kind!r} needs the class counts of the training labels"
                )
            counts = torch.from_numpy(class_counts).to(device)
            return CLASS_COUNTS[self.kind](parameter, counts)
        spec = self.spec or LossSpec()
        theta: torch.Tensor = torch.tensor(
            imitation(spec) if self.genome is None else self.genome, device=device
        )
        return stacked_from_genomes(spec, theta.expand(members, -1), classes)

    def _of_plugin(
        self,
        entry: LossEntry,
        members: int,
        device: str,
        class_counts: "NDArray[np.int64] | None",
    ) -> "StackedLoss":
        import torch

        from bench.value_loss import ValueLoss

        parameter = None
        if self.parameter is not None:
            parameter = torch.full((members,), self.parameter, device=device)
        if entry.value is not None:
            return ValueLoss(self.kind, entry.value, members, parameter)
        if entry.stacked is None:
            raise ValueError(f"loss {entry.name!r}: its plug-in gives neither value nor stacked")
        counts = None if class_counts is None else torch.from_numpy(class_counts).to(device)
        return entry.stacked(members, parameter, counts)


def reference(name: str, spec: LossSpec) -> LossRef:
    """The loss of the register with this name; `spec` is the experiment's network.

    Raises InputError for a name that is not registered.
    """
    known = losses()
    if name not in known:
        raise InputError(f"loss {name!r}: unknown{nearest(name, known)}")
    entry = known[name]
    return LossRef(name, name, entry.default, spec if name == "mln_initial" else None)
