"""Every setting of the core, as frozen dataclasses that import neither torch nor a data set.

They are the single source of an experiment file's keys, of the command line's `--set` and of
the cache key. A value out of range raises ValueError with the name of the key.
"""

from dataclasses import dataclass, field, fields
from typing import Literal, get_args, get_type_hints

FORBID_UNKNOWN = {"extra": "forbid"}


def _check(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)


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

NETWORK_ONLY = ("depth", "activation", "features", "head", "scope")


@dataclass(frozen=True)
class LossSpec:
    """The form of a learned loss; its numbers are the genome.

    kind: a `network`; a `hyper` loss, whose GCE exponent, label smoothing, focal exponent and
    logit adjustment follow the state of training; or the `taylor` polynomial of TaylorGLO.
    hidden, depth, activation: width, number and kind of the hidden layers (of a hyper-loss one
    layer of tanh units between state and exponents; without a state it has none).
    features: what a network sees of each class; `logit` is centred and bounded.
    head: its output as it is (`identity`), through softplus, added to cross-entropy (`residual`),
    or mixed with cross-entropy by a gate that depends on the state (`gate`).
    scope: one network for every class, averaged over the classes, for any number of them
    (`per_class`), or one of the whole vector of a fixed number of `classes` (`vector`).
    state: what the loss knows of the training; none by default.
    start: the genome that evolution starts from, an `imitation` of cross-entropy or `random`.
    normalise: give every genome cross-entropy's gradient scale on a fixed probe of logits.
    """

    kind: Literal["network", "hyper", "taylor"] = "network"
    hidden: int = 8
    depth: int = 1
    activation: Literal["tanh", "relu", "silu"] = "tanh"
    features: Literal["p,y", "logp,p,y", "logit,y"] = "p,y"
    head: Literal["identity", "softplus", "residual", "gate"] = "identity"
    scope: Literal["per_class", "vector"] = "per_class"
    classes: int | None = None
    state: tuple[StateFeature, ...] = ()
    start: Literal["imitation", "random"] = "imitation"
    normalise: bool = True

    __pydantic_config__ = FORBID_UNKNOWN

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", tuple(self.state))  # JSON knows lists alone
        hints = get_type_hints(type(self))
        for name in ("kind", "activation", "features", "head", "scope", "start"):
            value, known = getattr(self, name), get_args(hints[name])
            _check(value in known, f"{name} must be one of {', '.join(known)}, not {value!r}")
        _check(1 <= self.hidden <= 256, f"hidden must be from 1 to 256, not {self.hidden}")
        _check(1 <= self.depth <= 4, f"depth must be from 1 to 4, not {self.depth}")
        for feature in self.state:
            _check(
                feature in STATE_FEATURES,
                f"state: {feature!r} is not one of {', '.join(STATE_FEATURES)}",
            )
        _check(
            len(set(self.state)) == len(self.state), f"state names a feature twice: {self.state}"
        )
        if self.scope == "vector":
            _check(
                self.classes is not None and 2 <= self.classes <= 1000,
                f"scope 'vector' needs classes from 2 to 1000, not {self.classes}",
            )
        else:
            _check(self.classes is None, "classes is for scope 'vector' alone")
        if self.kind != "network":
            self._check_unused(NETWORK_ONLY)
        if self.kind == "taylor":
            self._check_unused(("hidden", "state"))

    def _check_unused(self, names: tuple[str, ...]) -> None:
        for field_ in fields(self):
            if field_.name in names:
                _check(
                    getattr(self, field_.name) == field_.default,
                    f"{field_.name} has no meaning for kind {self.kind!r}",
                )


@dataclass(frozen=True)
class LearnerSpec:
    """A multi-layer perceptron with ReLU units; `hidden` lists the widths of its hidden layers."""

    hidden: tuple[int, ...] = (32,)

    __pydantic_config__ = FORBID_UNKNOWN

    def __post_init__(self) -> None:
        _check(all(h >= 1 for h in self.hidden), f"hidden widths must be positive: {self.hidden}")

    def sizes(self, features: int, classes: int) -> tuple[int, ...]:
        """Widths of all layers, input and output included."""
        return (features, *self.hidden, classes)


@dataclass(frozen=True)
class TrainingSpec:
    """How one learner is trained: `steps` minibatches of `batch_size` examples."""

    steps: int = 150
    batch_size: int = 16
    optimizer: Literal["adam", "sgd"] = "adam"
    momentum: float = 0.9

    __pydantic_config__ = FORBID_UNKNOWN

    def __post_init__(self) -> None:
        _check(self.steps >= 1, f"steps must be at least 1, not {self.steps}")
        _check(self.batch_size >= 1, f"batch_size must be at least 1, not {self.batch_size}")
        _check(0 <= self.momentum < 1, f"momentum must lie in [0, 1), not {self.momentum}")


@dataclass(frozen=True)
class GeneticConfig:
    """Genetic algorithm: tournament selection, uniform crossover, Gaussian mutation, elitism."""

    elites: int = 4
    tournament: int = 3
    crossover_rate: float = 0.5
    mutation_sigma: float = 0.2
    sigma_decay: float = 0.97
    gene_rate: float = 0.5

    __pydantic_config__ = FORBID_UNKNOWN

    def __post_init__(self) -> None:
        _check(self.elites >= 1, f"elites must be at least 1, not {self.elites}")
        _check(self.tournament >= 1, f"tournament must be at least 1, not {self.tournament}")
        for name in ("crossover_rate", "gene_rate"):
            value = getattr(self, name)
            _check(0 <= value <= 1, f"{name} must lie in [0, 1], not {value}")
        _check(self.mutation_sigma > 0, f"mutation_sigma must be positive: {self.mutation_sigma}")
        _check(0 < self.sigma_decay <= 1, f"sigma_decay must lie in (0, 1]: {self.sigma_decay}")


@dataclass(frozen=True)
class StrategyConfig:
    """OpenAI-ES (Salimans et al. 2017): antithetic samples, centred ranks, Adam."""

    sigma: float = 0.1
    learning_rate: float = 0.1

    __pydantic_config__ = FORBID_UNKNOWN

    def __post_init__(self) -> None:
        _check(self.sigma > 0, f"sigma must be positive, not {self.sigma}")
        _check(self.learning_rate > 0, f"learning_rate must be positive, not {self.learning_rate}")


@dataclass(frozen=True)
class EvolutionConfig:
    """One evolution run.

    `budget` counts member-steps, those of the paired cross-entropy learners included;
    `switch_point` is the fraction of it at which the GA hands over to the ES (mode `hybrid`).
    Each generation trains every candidate on `tasks_per_generation` newly drawn tasks, each with
    a learning rate drawn from `learning_rates`.
    """

    mode: Literal["hybrid", "ga", "es"] = "hybrid"
    budget: int = 1_500_000
    population: int = 16
    switch_point: float = 0.7
    tasks_per_generation: int = 16
    learning_rates: tuple[float, ...] = (0.001, 0.003, 0.01)
    training: TrainingSpec = field(default_factory=TrainingSpec)
    learner: LearnerSpec = field(default_factory=lambda: LearnerSpec(hidden=(32, 32)))
    genetic: GeneticConfig = field(default_factory=GeneticConfig)
    strategy: StrategyConfig = field(default_factory=StrategyConfig)

    __pydantic_config__ = FORBID_UNKNOWN

    def __post_init__(self) -> None:
        _check(self.population >= 4, f"population must be at least 4, not {self.population}")
        _check(self.population % 2 == 0, f"population must be even, not {self.population}")
        _check(0 <= self.switch_point <= 1, f"switch_point must lie in [0, 1]: {self.switch_point}")
        _check(self.tasks_per_generation >= 1, "tasks_per_generation must be at least 1")
        _check(
            self.genetic.elites < self.population,
            f"genetic.elites ({self.genetic.elites}) must be fewer than "
            f"population ({self.population})",
        )
        _check(
            len(self.learning_rates) > 0 and min(self.learning_rates) > 0,
            "learning_rates must be positive",
        )
        _check(
            self.budget >= self.generation_cost,
            f"budget ({self.budget}) is less than one generation ({self.generation_cost})",
        )

    @property
    def generation_cost(self) -> int:
        """Member-steps of one generation: every candidate and cross-entropy on every task."""
        return (self.population + 1) * self.tasks_per_generation * self.training.steps
