"""The register of losses: names, parameters and sources. Importing it imports no torch."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from operator import attrgetter
from typing import TYPE_CHECKING

from bench.register import Register
from mln.laws import Law

if TYPE_CHECKING:
    from torch import Tensor

    from mln.losses.base import StackedLoss

MIN_GRID_VALUES = 5
"""Values of its parameter that every registered loss declares at least; tuning uses no more."""


@dataclass(frozen=True)
class LossEntry:
    """A hand-made loss or control.

    parameter: the name of its own parameter, if it has one; grid: MIN_GRID_VALUES or more values
    to tune it over, the published default first; needs_class_counts: whether it is built from how
    often each class occurs among a learner's training labels.

    formula: where the core has it, "mln.losses.module:Class"; it is called with the number of
    learners, or with the parameter [P] where it has one, and then with the class counts [P, C]
    where it needs them. law: instead, of an adaptive loss with numbers set by hand,
    "mln.laws:function"; it is called with the parameter or None, and what trains evolved adaptive
    losses trains it.

    A plug-in's loss has one of two instead: value, a function of logits z and one-hot targets y,
    both [P, C, B], and of its parameter [P, 1, 1] where it has one, that returns the loss of each
    example [P, B], with torch alone; or stacked, which makes a `StackedLoss` (mln.losses.base)
    from the number of learners, the parameter [P] or None, and the class counts [P, C] or None.
    """

    name: str
    description: str
    source: str
    parameter: str | None = None
    grid: tuple[float, ...] = ()
    needs_class_counts: bool = False
    formula: str = ""
    law: str = ""
    value: "Callable[..., Tensor] | None" = None
    stacked: "Callable[[int, Tensor | None, Tensor | None], StackedLoss] | None" = None

    def __post_init__(self) -> None:
        if self.parameter and len(set(self.grid)) < MIN_GRID_VALUES:
            raise ValueError(f"loss {self.name}: declare {MIN_GRID_VALUES} values of its parameter")

    @property
    def default(self) -> float | None:
        """The published value of the parameter."""
        return self.grid[0] if self.grid else None

    def law_at(self, parameter: float | None) -> Law | None:
        """The adaptive loss that this is at a value of its parameter; None where it is none."""
        if not self.law:
            return None
        home, _, name = self.law.partition(":")
        make: Callable[[float | None], Law] = attrgetter(name)(import_module(home))
        return make(parameter)

    def built_in(
        self, members: int, parameter: "Tensor | None", class_counts: "Tensor | None"
    ) -> "StackedLoss":
        """The core's loss for `members` learners, from its `formula`.

        Raises ValueError for an entry that the core has no formula for.
        """
        if not self.formula:
            raise ValueError(f"loss {self.name!r}: has neither a formula, value nor stacked")
        home, _, name = self.formula.partition(":")
        build: Callable[..., StackedLoss] = attrgetter(name)(import_module(home))
        if parameter is None:
            return build(members)
        return build(parameter, class_counts) if self.needs_class_counts else build(parameter)


UNEVOLVED = "mln_initial"
"""The control: the experiment's network before any evolution."""

LOSSES = Register(
    "losses",
    "loss",
    (
        LossEntry(
            "ce",
            "cross-entropy, -log p_t",
            "standard",
            formula="mln.losses.formulas:CrossEntropy",
        ),
        LossEntry(
            "mse",
            "mean over classes of (p - y)^2 on probabilities",
            "Brier 1950",
            formula="mln.losses.formulas:MeanSquaredError",
        ),
        LossEntry(
            "mse_logits",
            "mean over classes of (z - y)^2 on logits",
            "Hui & Belkin 2021",
            formula="mln.losses.logits:LogitSquaredError",
        ),
        LossEntry(
            "mae",
            "sum over classes of |p - y|",
            "Ghosh et al. 2017",
            formula="mln.losses.formulas:MeanAbsoluteError",
        ),
        LossEntry(
            "hinge",
            "sum over rivals of max(0, 1 - z_t + z_j) / C, as torch's MultiMarginLoss",
            "Weston & Watkins 1999",
            formula="mln.losses.logits:Hinge",
        ),
        LossEntry(
            "gce",
            "(1 - p_t^q) / q, robust to label noise",
            "Zhang & Sabuncu 2018",
            "q",
            (0.7, 0.4, 0.9, 0.2, 0.55),
            formula="mln.losses.formulas:GeneralisedCrossEntropy",
        ),
        LossEntry(
            "sce",
            "alpha CE + reverse CE (beta = 1, A = -4), robust to label noise",
            "Wang et al. 2019",
            "alpha",
            (0.1, 1.0, 0.01, 6.0, 0.3),
            formula="mln.losses.formulas:SymmetricCrossEntropy",
        ),
        LossEntry(
            "label_smoothing",
            "cross-entropy against (1 - eps) y + eps / C",
            "Szegedy et al. 2016",
            "eps",
            (0.1, 0.3, 0.03, 0.6, 0.2),
            formula="mln.losses.formulas:LabelSmoothing",
        ),
        LossEntry(
            "focal",
            "-(1 - p_t)^gamma log p_t on softmax probabilities",
            "Lin et al. 2017",
            "gamma",
            (2.0, 1.0, 3.0, 0.5, 5.0),
            formula="mln.losses.formulas:Focal",
        ),
        LossEntry(
            "poly1",
            "-log p_t + eps (1 - p_t)",
            "Leng et al. 2022",
            "eps",
            (2.0, -0.5, 5.0, 1.0, -1.0),
            formula="mln.losses.formulas:PolyOne",
        ),
        LossEntry(
            "logit_adjusted",
            "cross-entropy of z + tau log prior, for class imbalance",
            "Menon et al. 2021",
            "tau",
            (1.0, 0.5, 1.5, 2.0, 0.25),
            needs_class_counts=True,
            formula="mln.losses.imbalance:LogitAdjusted.from_counts",
        ),
        LossEntry(
            "class_balanced",
            "cross-entropy weighted by (1 - beta) / (1 - beta^n), for class imbalance",
            "Cui et al. 2019",
            "beta",
            (0.9999, 0.99, 0.999, 0.9, 0.95),
            needs_class_counts=True,
            formula="mln.losses.imbalance:ClassBalanced.from_counts",
        ),
        LossEntry(
            "robust",
            "GCE, label smoothing .1 and logit adjustment 1 by running class frequencies, at once",
            "control: the adaptive loss at constants",
            "q",
            (0.3, 0.2, 0.5, 0.1, 0.7),
            law="mln.laws:robust",
        ),
        LossEntry(
            "robust_schedule",
            "as robust, with q = .05 + .6 progress - 3 drop in running accuracy, in 0 to 1",
            "control: the adaptive loss with a schedule set by hand",
            law="mln.laws:robust_schedule",
        ),
        LossEntry(UNEVOLVED, "the un-evolved network, an imitation of CE", "control"),
    ),
)
"""All losses by name, plug-ins' included."""
