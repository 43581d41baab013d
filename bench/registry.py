"""The register of losses: names, parameters and sources. Importing it imports no torch."""

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from bench.errors import InputError, nearest
from bench.experiment import LARGEST_GRID, digest
from mln.config import LossSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mln.losses.base import StackedLoss


@dataclass(frozen=True)
class LossEntry:
    """A hand-made loss or control.

    parameter: the name of its own parameter, if it has one; grid: LARGEST_GRID or more values to
    tune it over, the published default first; needs_class_counts: whether it is built from how
    often each class occurs among a learner's training labels.
    """

    name: str
    description: str
    source: str
    parameter: str | None = None
    grid: tuple[float, ...] = ()
    needs_class_counts: bool = False

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

    @property
    def form(self) -> LossSpec | str:
        """What a kernel must be able to train under: a specification, or a hand-made kind."""
        return self.spec or self.kind

    @property
    def needs_class_counts(self) -> bool:
        """Whether `stacked` needs the class counts of the training labels."""
        return self.kind in LOSSES and LOSSES[self.kind].needs_class_counts

    def tried(self, values: int) -> "tuple[LossRef, ...]":
        """This loss at each of the first `values` of its parameter's grid.

        The loss as it is where it has no parameter, or where one value is asked for.
        """
        entry = LOSSES.get(self.kind)
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


def reference(name: str, spec: LossSpec) -> LossRef:
    """The loss of the register with this name; `spec` is the experiment's network.

    Raises InputError for a name that is not registered.
    """
    if name not in LOSSES:
        raise InputError(f"loss {name!r}: unknown{nearest(name, LOSSES)}")
    entry = LOSSES[name]
    return LossRef(name, name, entry.default, spec if name == "mln_initial" else None)
