"""Every setting of the core, as frozen dataclasses that import neither torch nor a data set.

They are the single source of an experiment file's keys, of the command line's `--set` and of
the cache key. A value out of range raises ValueError with the name of the key.
"""

from dataclasses import dataclass, field, fields
from math import inf
from typing import Literal, get_args, get_type_hints

from mln.checks import FORBID_UNKNOWN, check
from mln.search.config import (
    FitnessConfig,
    GeneticConfig,
    HandoverConfig,
    StrategyConfig,
    ValidationConfig,
)
from mln.training_config import AugmentationSpec, TrainingSpec

__all__ = [
    "STATE_FEATURES",
    "AugmentationSpec",
    "EvolutionConfig",
    "FitnessConfig",
    "GeneticConfig",
    "HandoverConfig",
    "LearnerSpec",
    "LossSpec",
    "StateFeature",
    "StrategyConfig",
    "TrainingSpec",
    "ValidationConfig",
]

StateFeature = Literal[
    "progress",
    "target_probability",
    "accuracy",
    "confidence",
    "disagreement",
    "drop",
    "calibration_gap",
    "class_entropy",
    "classes",
]
STATE_FEATURES: tuple[StateFeature, ...] = get_args(StateFeature)
"""What a loss may know of the training; defined in mln.losses.state."""

ADAPTIVE_STATE: tuple[StateFeature, ...] = (
    "progress",
    "accuracy",
    "disagreement",
    "drop",
    "calibration_gap",
)
"""What an adaptive loss follows by default."""

NETWORK_ONLY = ("hidden", "depth", "activation", "features", "head", "scope")
LARGEST_RANGES = {"max_q": 1.0, "max_eps": 0.9, "max_gamma": 5.0, "max_tau": 4.0}
"""Where the formula of an adaptive loss ends: GCE has q of at most 1 and more smoothing than .9
says nothing; beyond these gamma and tau float32 has nothing left of a rare class."""


@dataclass(frozen=True)
class LossSpec:
    """The form of a learned loss; its numbers are the genome.

    kind: a `network`; an `adaptive` loss, whose GCE exponent q, label smoothing eps, focal
    exponent gamma and logit adjustment tau are clipped linear functions of the state of training;
    or the `taylor` polynomial of TaylorGLO.
    hidden, depth, activation: width, number and kind of a network's hidden layers.
    features: what a network sees of each class; `logit` is centred and bounded.
    head: its output as it is (`identity`), through softplus, added to cross-entropy (`residual`),
    or mixed with cross-entropy by a gate that depends on the state (`gate`).
    scope: one network for every class, averaged over the classes, for any number of them
    (`per_class`), or one of the whole vector of a fixed number of `classes` (`vector`).
    state: what the loss knows of the training; by default nothing, and of an adaptive loss
    ADAPTIVE_STATE. An adaptive loss without any has four constants.
    max_q, max_eps, max_gamma, max_tau: the range of each exponent of an adaptive loss, which lies
    between 0 and this; at most LARGEST_RANGES, and 0 to do without the exponent.
    start: the genome that evolution starts from, an `imitation` of cross-entropy or `random`.
    normalise: give every genome cross-entropy's gradient scale on a fixed probe of logits.
    """

    kind: Literal["network", "adaptive", "taylor"] = "network"
    hidden: int = 8
    depth: int = 1
    activation: Literal["tanh", "relu", "silu"] = "tanh"
    features: Literal["p,y", "logp,p,y", "logit,y"] = "p,y"
    head: Literal["identity", "softplus", "residual", "gate"] = "identity"
    scope: Literal["per_class", "vector"] = "per_class"
    classes: int | None = None
    # Until __post_init__, which knows the kind, None is "not said".
    state: tuple[StateFeature, ...] = None  # type: ignore[assignment]
    max_q: float = 1.0
    max_eps: float = 0.3
    max_gamma: float = 2.0
    max_tau: float = 2.0
    start: Literal["imitation", "random"] = "imitation"
    normalise: bool = True

    __pydantic_config__ = FORBID_UNKNOWN

    def __post_init__(self) -> None:
        state: tuple[StateFeature, ...] | None = self.state
        if state is None:
            state = ADAPTIVE_STATE if self.kind == "adaptive" else ()
        object.__setattr__(self, "state", tuple(state))  # JSON knows lists alone
        hints = get_type_hints(type(self))
        for name in ("kind", "activation", "features", "head", "scope", "start"):
            value, known = getattr(self, name), get_args(hints[name])
            check(value in known, f"{name} must be one of {', '.join(known)}, not {value!r}")
        for name in ("hidden", "depth", *(() if self.classes is None else ("classes",))):
            value = getattr(self, name)
            check(type(value) is int, f"{name} must be a whole number, not {value!r}")
        check(type(self.normalise) is bool, f"normalise must be true or false: {self.normalise!r}")
        check(1 <= self.hidden <= 256, f"hidden must be from 1 to 256, not {self.hidden}")
        check(1 <= self.depth <= 4, f"depth must be from 1 to 4, not {self.depth}")
        for feature in self.state:
            check(
                feature in STATE_FEATURES,
                f"state: {feature!r} is not one of {', '.join(STATE_FEATURES)}",
            )
        check(len(set(self.state)) == len(self.state), f"state names a feature twice: {self.state}")
        if self.scope == "vector":
            check(
                self.classes is not None and 2 <= self.classes <= 1000,
                f"scope 'vector' needs classes from 2 to 1000, not {self.classes}",
            )
        else:
            check(self.classes is None, "classes is for scope 'vector' alone")
        for name, largest in LARGEST_RANGES.items():
            value = getattr(self, name)
            check(0 <= value <= largest, f"{name} must lie between 0 and {largest:g}, not {value}")
        if self.kind != "network":
            self._refuse_unused(NETWORK_ONLY)
        if self.kind != "adaptive":
            self._refuse_unused(tuple(LARGEST_RANGES))
        check(self.kind != "taylor" or not self.state, "state has no meaning for kind 'taylor'")

    @property
    def ranges(self) -> tuple[float, float, float, float]:
        """Of the exponents q, eps, gamma and tau of an adaptive loss."""
        return self.max_q, self.max_eps, self.max_gamma, self.max_tau

    def _refuse_unused(self, names: tuple[str, ...]) -> None:
        for field_ in fields(self):
            if field_.name in names:
                check(
                    getattr(self, field_.name) == field_.default,
                    f"{field_.name} has no meaning for kind {self.kind!r}",
                )


@dataclass(frozen=True)
class LearnerSpec:
    """A classifier with ReLU units; `hidden` lists the widths of its hidden linear layers.

    kind: a multi-layer perceptron (`mlp`; without hidden layers logistic regression); a
    convolutional network (`cnn`): for each of `channels` a block of `per_block` convolutions with
    `kernel` x `kernel` weights on pictures padded by `padding`, then 2 x 2 max pooling, and the
    linear layers after the last block; or a torch `module` of the user's own, "package:factory".
    """

    hidden: tuple[int, ...] = (32,)
    kind: Literal["mlp", "cnn", "module"] = "mlp"
    channels: tuple[int, ...] = ()
    kernel: int = 5
    padding: int = 0
    per_block: int = 1
    module: str = ""

    __pydantic_config__ = FORBID_UNKNOWN

    def __post_init__(self) -> None:
        check(all(h >= 1 for h in self.hidden), f"hidden widths must be positive: {self.hidden}")
        check(
            self.kind in ("mlp", "cnn", "module"), f"kind must be mlp, cnn or module: {self.kind!r}"
        )
        check(1 <= self.kernel <= 15, f"kernel must be from 1 to 15, not {self.kernel}")
        check(0 <= self.padding < self.kernel, f"padding must be less than kernel: {self.padding}")
        check(1 <= self.per_block <= 4, f"per_block must be from 1 to 4, not {self.per_block}")
        check(all(c >= 1 for c in self.channels), f"channels must be positive: {self.channels}")
        check(
            (self.kind == "cnn") == bool(self.channels),
            "channels are for kind 'cnn', which needs them",
        )
        check(
            (self.kind == "module") == bool(self.module),
            "module is for kind 'module', which needs it",
        )

    def sizes(self, features: int, classes: int) -> tuple[int, ...]:
        """Widths of all layers of an mlp, input and output included."""
        return (features, *self.hidden, classes)


@dataclass(frozen=True)
class EvolutionConfig:
    """One evolution run.

    `budget` counts member-steps, those of the paired cross-entropy learners and of the validation
    included;
    `switch_point` is the fraction of it at which the GA hands over to the ES (mode `hybrid`;
    `handover` says more). The other modes are one algorithm alone; `random` draws around the
    start and keeps the best.
    Each generation trains every candidate on `tasks_per_generation` newly drawn tasks, each with
    a learning rate drawn from `learning_rates`. A generation with rejected candidates costs less.
    strata: the tasks come from the listed families in turn, the next generation going on where this
    one ends; otherwise each from a family chosen at random.

    coevolution: learners are `fresh` in each generation; or they live on, a candidate's starting
    where those of its mother stopped, for `lifetime` generations (tasks in as many groups, one of
    which is redrawn with new learners in each generation) or to the end (`persistent`).
    """

    mode: Literal["hybrid", "ga", "es", "random"] = "hybrid"
    budget: int = 1_500_000
    population: int = 16
    switch_point: float = 0.7
    tasks_per_generation: int = 16
    learning_rates: tuple[float, ...] = (0.001, 0.003, 0.01)
    strata: bool = True
    coevolution: Literal["fresh", "lifetime", "persistent"] = "fresh"
    lifetime: int = 4
    fitness: FitnessConfig = field(default_factory=FitnessConfig)
    training: TrainingSpec = field(default_factory=TrainingSpec)
    learner: LearnerSpec = field(default_factory=lambda: LearnerSpec(hidden=(32, 32)))
    genetic: GeneticConfig = field(default_factory=GeneticConfig)
    strategy: StrategyConfig = field(default_factory=StrategyConfig)
    handover: HandoverConfig = field(default_factory=HandoverConfig)
    validation: ValidationConfig = field(default_factory=ValidationConfig)

    __pydantic_config__ = FORBID_UNKNOWN

    def __post_init__(self) -> None:
        check(self.population >= 4, f"population must be at least 4, not {self.population}")
        check(self.population % 2 == 0, f"population must be even, not {self.population}")
        check(0 <= self.switch_point <= 1, f"switch_point must lie in [0, 1]: {self.switch_point}")
        check(self.tasks_per_generation >= 1, "tasks_per_generation must be at least 1")
        check(
            self.genetic.elites < self.population,
            f"genetic.elites ({self.genetic.elites}) must be fewer than "
            f"population ({self.population})",
        )
        check(
            bool(self.learning_rates) and all(0 < rate < inf for rate in self.learning_rates),
            "learning_rates must be positive",
        )
        check(self.lifetime >= 1, f"lifetime must be at least 1, not {self.lifetime}")
        check(
            self.coevolution == "fresh" or self.fitness.drift is None,
            f"fitness.drift needs coevolution fresh, not {self.coevolution}",
        )
        check(
            self.fitness.drift is None or self.training.steps >= 2,
            "fitness.drift needs training.steps of at least 2",
        )
        check(
            self.budget >= self.generation_cost,
            f"budget ({self.budget}) is less than one generation ({self.generation_cost})",
        )

    @property
    def generation_cost(self) -> int:
        """Member-steps of one generation: every candidate and cross-entropy on every task."""
        return (self.population + 1) * self.tasks_per_generation * self.training.steps

    @property
    def validation_cost(self) -> int:
        """Member-steps of a validation at most: every candidate and cross-entropy at every rate,
        then the chosen one and cross-entropy again."""
        learners = (self.validation.candidates + 3) * self.validation.tasks
        return learners * len(self.learning_rates) * self.training.steps
