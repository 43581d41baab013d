"""Every setting of the core, as frozen dataclasses that import neither torch nor a data set.

They are the single source of an experiment file's keys, of the command line's `--set` and of
the cache key. A value out of range raises ValueError with the name of the key.
"""

from dataclasses import dataclass, field, fields
from math import inf
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
        for name in ("hidden", "depth", *(() if self.classes is None else ("classes",))):
            value = getattr(self, name)
            _check(type(value) is int, f"{name} must be a whole number, not {value!r}")
        _check(type(self.normalise) is bool, f"normalise must be true or false: {self.normalise!r}")
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
    """Genetic algorithm: selection, crossover, Gaussian mutation, re-evaluated elites.

    Parents win a tournament of `tournament` members or belong to the best share `truncation`.
    With probability `crossover_rate` a child is crossed: `uniform`, `blend` (BLX-alpha, widened
    by `blend_alpha`) or `sbx` (simulated binary, index `sbx_eta`). Each gene is mutated with
    probability `gene_rate` and N(0, sigma^2), where sigma begins at `mutation_sigma` and is
    multiplied by `sigma_decay` per generation unless its schedule is `constant`.
    """

    elites: int = 4
    selection: Literal["tournament", "truncation"] = "tournament"
    tournament: int = 3
    truncation: float = 0.25
    crossover: Literal["uniform", "blend", "sbx"] = "uniform"
    crossover_rate: float = 0.5
    blend_alpha: float = 0.5
    sbx_eta: float = 10.0
    mutation_sigma: float = 0.2
    sigma_schedule: Literal["constant", "exponential"] = "exponential"
    sigma_decay: float = 0.97
    gene_rate: float = 0.5

    __pydantic_config__ = FORBID_UNKNOWN

    def __post_init__(self) -> None:
        _check(self.elites >= 1, f"elites must be at least 1, not {self.elites}")
        _check(self.tournament >= 1, f"tournament must be at least 1, not {self.tournament}")
        _check(0 < self.truncation <= 1, f"truncation must lie in (0, 1], not {self.truncation}")
        for name in ("crossover_rate", "gene_rate"):
            value = getattr(self, name)
            _check(0 <= value <= 1, f"{name} must lie in [0, 1], not {value}")
        _check(0 <= self.blend_alpha < inf, f"blend_alpha must not be negative: {self.blend_alpha}")
        _check(0 <= self.sbx_eta < inf, f"sbx_eta must not be negative: {self.sbx_eta}")
        _check(
            0 < self.mutation_sigma < inf,
            f"mutation_sigma must be positive: {self.mutation_sigma}",
        )
        _check(0 < self.sigma_decay <= 1, f"sigma_decay must lie in (0, 1]: {self.sigma_decay}")


@dataclass(frozen=True)
class StrategyConfig:
    """Evolution strategy: OpenAI-ES (Salimans et al. 2017), SNES or sep-CMA-ES.

    `sigma` is the first step size (OpenAI-ES keeps it). `learning_rate` is Adam's, for OpenAI-ES
    alone; `mean_rate`, for the others alone, scales each step of the mean.
    """

    kind: Literal["openai-es", "snes", "sep-cma-es"] = "openai-es"
    sigma: float = 0.1
    learning_rate: float = 0.1
    mean_rate: float = 1.0

    __pydantic_config__ = FORBID_UNKNOWN

    def __post_init__(self) -> None:
        _check(0 < self.sigma < inf, f"sigma must be positive, not {self.sigma}")
        _check(
            0 < self.learning_rate < inf,
            f"learning_rate must be positive, not {self.learning_rate}",
        )
        _check(0 < self.mean_rate <= 1, f"mean_rate must lie in (0, 1], not {self.mean_rate}")


@dataclass(frozen=True)
class HandoverConfig:
    """When the GA hands over to the ES (mode `hybrid`), and what.

    `budget`: at the switch point. `stagnation`: there at the latest, but earlier once the mean of
    the re-evaluated elites' running means (gain as a fraction) has not risen by
    `min_improvement` for `patience` generations. With the spread `isotropic` the ES begins with
    `strategy.sigma` in all genes; with `elite`, with the elites' standard deviation of each
    gene, at least `spread_floor` times `strategy.sigma`.
    """

    when: Literal["budget", "stagnation"] = "budget"
    patience: int = 5
    min_improvement: float = 0.001
    spread: Literal["isotropic", "elite"] = "isotropic"
    spread_floor: float = 0.1

    __pydantic_config__ = FORBID_UNKNOWN

    def __post_init__(self) -> None:
        _check(self.patience >= 1, f"patience must be at least 1, not {self.patience}")
        _check(
            0 <= self.min_improvement < inf,
            f"min_improvement must not be negative: {self.min_improvement}",
        )
        _check(
            0 < self.spread_floor < inf, f"spread_floor must be positive, not {self.spread_floor}"
        )


@dataclass(frozen=True)
class FitnessConfig:
    """What a candidate is selected for: its paired gain over cross-entropy on outer_valid.

    metric: `accuracy` or `nll` after the last step (nll: cross-entropy's minus ours, in nats),
    `area` under the accuracy curve at `curve_points` even steps, or `post_drift`, the area after
    the labels have changed. drift: the fraction of the steps at which every class of every task
    changes its label, in training and in evaluation. aggregate: over the tasks of a generation,
    their `mean`; over the means of each task name, `mean_minus_spread` (less `spread_weight`
    standard deviations) or `cvar`, the mean of the worst `cvar_share` of the names. screen:
    reject, before training, candidates that push the true class down where training starts.
    """

    metric: Literal["accuracy", "nll", "area", "post_drift"] = "accuracy"
    curve_points: int = 5
    drift: float | None = None
    aggregate: Literal["mean", "mean_minus_spread", "cvar"] = "mean"
    spread_weight: float = 0.5
    cvar_share: float = 0.5
    screen: bool = True

    __pydantic_config__ = FORBID_UNKNOWN

    def __post_init__(self) -> None:
        _check(self.curve_points >= 1, f"curve_points must be at least 1, not {self.curve_points}")
        _check(
            0 <= self.spread_weight < inf,
            f"spread_weight must not be negative: {self.spread_weight}",
        )
        _check(0 < self.cvar_share <= 1, f"cvar_share must lie in (0, 1], not {self.cvar_share}")
        drift = self.drift
        _check(drift is None or 0 < drift < 1, f"drift must lie between 0 and 1, not {drift}")
        _check(
            self.metric != "post_drift" or drift is not None,
            "metric post_drift needs drift, the fraction of the steps at which labels change",
        )


@dataclass(frozen=True)
class EvolutionConfig:
    """One evolution run.

    `budget` counts member-steps, those of the paired cross-entropy learners included;
    `switch_point` is the fraction of it at which the GA hands over to the ES (mode `hybrid`;
    `handover` says more). The other modes are one algorithm alone; `random` draws around the
    start and keeps the best.
    Each generation trains every candidate on `tasks_per_generation` newly drawn tasks, each with
    a learning rate drawn from `learning_rates`. A generation with rejected candidates costs less.

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
    coevolution: Literal["fresh", "lifetime", "persistent"] = "fresh"
    lifetime: int = 4
    fitness: FitnessConfig = field(default_factory=FitnessConfig)
    training: TrainingSpec = field(default_factory=TrainingSpec)
    learner: LearnerSpec = field(default_factory=lambda: LearnerSpec(hidden=(32, 32)))
    genetic: GeneticConfig = field(default_factory=GeneticConfig)
    strategy: StrategyConfig = field(default_factory=StrategyConfig)
    handover: HandoverConfig = field(default_factory=HandoverConfig)

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
            bool(self.learning_rates) and all(0 < rate < inf for rate in self.learning_rates),
            "learning_rates must be positive",
        )
        _check(self.lifetime >= 1, f"lifetime must be at least 1, not {self.lifetime}")
        _check(
            self.coevolution == "fresh" or self.fitness.drift is None,
            f"fitness.drift needs coevolution fresh, not {self.coevolution}",
        )
        _check(
            self.fitness.drift is None or self.training.steps >= 2,
            "fitness.drift needs training.steps of at least 2",
        )
        _check(
            self.budget >= self.generation_cost,
            f"budget ({self.budget}) is less than one generation ({self.generation_cost})",
        )

    @property
    def generation_cost(self) -> int:
        """Member-steps of one generation: every candidate and cross-entropy on every task."""
        return (self.population + 1) * self.tasks_per_generation * self.training.steps
