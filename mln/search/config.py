"""Settings of the search, as frozen dataclasses; see mln.config."""

from dataclasses import dataclass
from math import inf
from typing import Literal

from mln.checks import FORBID_UNKNOWN, check

StrategyKind = Literal["openai-es", "snes", "sep-cma-es"]


@dataclass(frozen=True)
class FitnessConfig:
    """What a candidate is selected for: its paired gain over cross-entropy on outer_valid.

    metric: `accuracy` or `nll` after the last step (nll: cross-entropy's minus ours, in nats),
    `area` under the accuracy curve at `curve_points` even steps, or `post_drift`, the area after
    the labels have changed. drift: the fraction of the steps at which every class of every task
    changes its label, in training and in evaluation. aggregate: over the tasks of a generation,
    their `mean`; over the means of groups of tasks, `mean_minus_spread` (less `spread_weight`
    standard deviations) or `cvar`, the mean of the worst `cvar_share` of the groups. group_by:
    tasks of one `name`, or of one `regime` whatever their family. loss_weight: a group's mean gain
    counts so many times where it is negative; of the `mean`, each group is as large as it is.
    screen: reject, before training, candidates that push the true class down where training starts.
    """

    metric: Literal["accuracy", "nll", "area", "post_drift"] = "accuracy"
    curve_points: int = 5
    drift: float | None = None
    aggregate: Literal["mean", "mean_minus_spread", "cvar"] = "mean"
    spread_weight: float = 0.5
    cvar_share: float = 0.5
    group_by: Literal["name", "regime"] = "name"
    loss_weight: float = 1.0
    screen: bool = True

    __pydantic_config__ = FORBID_UNKNOWN

    def __post_init__(self) -> None:
        check(self.curve_points >= 1, f"curve_points must be at least 1, not {self.curve_points}")
        check(
            0 <= self.spread_weight < inf,
            f"spread_weight must not be negative: {self.spread_weight}",
        )
        check(0 < self.cvar_share <= 1, f"cvar_share must lie in (0, 1], not {self.cvar_share}")
        check(
            self.group_by in ("name", "regime"),
            f"group_by must be name or regime, not {self.group_by!r}",
        )
        check(
            1 <= self.loss_weight < inf, f"loss_weight must be at least 1, not {self.loss_weight}"
        )
        drift = self.drift
        check(drift is None or 0 < drift < 1, f"drift must lie between 0 and 1, not {drift}")
        check(
            self.metric != "post_drift" or drift is not None,
            "metric post_drift needs drift, the fraction of the steps at which labels change",
        )


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
        check(self.elites >= 1, f"elites must be at least 1, not {self.elites}")
        check(self.tournament >= 1, f"tournament must be at least 1, not {self.tournament}")
        check(0 < self.truncation <= 1, f"truncation must lie in (0, 1], not {self.truncation}")
        for name in ("crossover_rate", "gene_rate"):
            value = getattr(self, name)
            check(0 <= value <= 1, f"{name} must lie in [0, 1], not {value}")
        check(0 <= self.blend_alpha < inf, f"blend_alpha must not be negative: {self.blend_alpha}")
        check(0 <= self.sbx_eta < inf, f"sbx_eta must not be negative: {self.sbx_eta}")
        check(
            0 < self.mutation_sigma < inf,
            f"mutation_sigma must be positive: {self.mutation_sigma}",
        )
        check(0 < self.sigma_decay <= 1, f"sigma_decay must lie in (0, 1]: {self.sigma_decay}")


@dataclass(frozen=True)
class StrategyConfig:
    """Evolution strategy: OpenAI-ES (Salimans et al. 2017), SNES or sep-CMA-ES.

    `sigma` is the first step size (OpenAI-ES keeps it). `learning_rate` is Adam's, for OpenAI-ES
    alone; `mean_rate`, for the others alone, scales each step of the mean.
    """

    kind: StrategyKind = "openai-es"
    sigma: float = 0.1
    learning_rate: float = 0.1
    mean_rate: float = 1.0

    __pydantic_config__ = FORBID_UNKNOWN

    def __post_init__(self) -> None:
        check(0 < self.sigma < inf, f"sigma must be positive, not {self.sigma}")
        check(
            0 < self.learning_rate < inf,
            f"learning_rate must be positive, not {self.learning_rate}",
        )
        check(0 < self.mean_rate <= 1, f"mean_rate must lie in (0, 1], not {self.mean_rate}")


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
        check(self.patience >= 1, f"patience must be at least 1, not {self.patience}")
        check(
            0 <= self.min_improvement < inf,
            f"min_improvement must not be negative: {self.min_improvement}",
        )
        check(
            0 < self.spread_floor < inf, f"spread_floor must be positive, not {self.spread_floor}"
        )


@dataclass(frozen=True)
class ValidationConfig:
    """How the delivered genome is chosen, where an evolution has families to validate on.

    Of the last phase, which is the ES's where there is one, `candidates` genomes that would have
    been delivered, evenly spaced over its generations, are compared on `tasks` tasks, drawn from
    the families in turn; the chosen one is judged on as many others.
    """

    candidates: int = 8
    tasks: int = 48

    __pydantic_config__ = FORBID_UNKNOWN

    def __post_init__(self) -> None:
        check(self.candidates >= 1, f"candidates must be at least 1, not {self.candidates}")
        check(self.tasks >= 2, f"tasks must be at least 2, not {self.tasks}")
