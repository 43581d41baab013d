"""The search: a GA, an ES, or a GA that hands over to an ES at the switch point."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mln import genetic, strategies
from mln.config import EvolutionConfig
from mln.genetic import GeneticState
from mln.genome import Genomes
from mln.strategies import StrategyState

Phase = Literal["ga", "es"]
SearchState = GeneticState | StrategyState


@dataclass(frozen=True)
class Asked:
    """Candidates [N, G] to be evaluated and the state that waits for their fitness.

    parents: mother and father of each as slots of the candidates before, int64 [2, N]; None in an
    ES, whose candidates descend from the mean.
    """

    state: SearchState
    candidates: Genomes
    parents: NDArray[np.int64] | None = None


def init(config: EvolutionConfig, start: Genomes, rng: Generator) -> SearchState:
    """The search's first state, around a start genome [G]."""
    if config.mode == "es":
        return strategies.init(start)
    return genetic.init(config.genetic, start, config.population, rng)


def phase_of(state: SearchState) -> Phase:
    """Which of the two algorithms is at work."""
    return "ga" if isinstance(state, GeneticState) else "es"


def hand_over_if_due(config: EvolutionConfig, state: SearchState, member_steps: int) -> SearchState:
    """In mode `hybrid`, replace the GA by an ES around its elites' mean at the switch point."""
    due = member_steps >= config.switch_point * config.budget
    if config.mode == "hybrid" and due and isinstance(state, GeneticState):
        return strategies.init(genetic.elite_mean(config.genetic, state))
    return state


def ask(config: EvolutionConfig, state: SearchState, rng: Generator) -> Asked:
    """The next `population` candidates."""
    if isinstance(state, GeneticState):
        offspring = genetic.ask(config.genetic, state, rng)
        return Asked(offspring, offspring.population, offspring.parents)
    state, candidates = strategies.ask(config.strategy, state, config.population, rng)
    return Asked(state, candidates)


def tell(config: EvolutionConfig, asked: Asked, fitness: NDArray[np.float64]) -> SearchState:
    """The state after the candidates' fitness [N] is known."""
    if isinstance(asked.state, GeneticState):
        return genetic.tell(asked.state, fitness)
    return strategies.tell(config.strategy, asked.state, fitness)


def incumbent(state: SearchState) -> Genomes:
    """The genome [G] that the search would deliver now."""
    return state.best if isinstance(state, GeneticState) else state.mean


def parents_of(state: SearchState) -> NDArray[np.int64] | None:
    """Mother and father of each candidate, int64 [2, N]; None in an ES."""
    return state.parents if isinstance(state, GeneticState) else None


def delivered_slot(state: SearchState) -> int | None:
    """The slot of the genome that would be delivered now; an ES's mean is no candidate."""
    return state.best_slot if isinstance(state, GeneticState) else None


def sigma_of(config: EvolutionConfig, state: SearchState) -> float:
    """The current mutation strength."""
    return state.sigma if isinstance(state, GeneticState) else config.strategy.sigma
