"""Settings of the search algorithms, as frozen dataclasses; see mln.config."""

from dataclasses import dataclass
from math import inf
from typing import Literal

from mln.checks import FORBID_UNKNOWN, check

StrategyKind = Literal["openai-es", "snes", "sep-cma-es"]


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
