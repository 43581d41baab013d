"""The search: random draws, a GA, an ES, or a GA that hands over to an ES."""

from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mln.config import EvolutionConfig
from mln.search import strategies
from mln.search.base import Algorithm, Fitness, Genomes, Start
from mln.search.genetic import Genetic, GeneticState
from mln.search.random_search import RandomSearch, RandomState
from mln.search.strategies import StrategyState

Phase = Literal["random", "ga", "es"]
Reason = Literal["budget", "stagnation"]


@dataclass(frozen=True)
class Handover:
    """What the GA left to the ES, and when.

    member_steps and generation count what the GA had used; mean: [G]; spread: relative standard
    deviation of each gene [G], with a root mean square of 1; sigma: the step size.
    """

    member_steps: int
    generation: int
    reason: Reason
    mean: Genomes
    spread: NDArray[np.float64]
    sigma: float


@dataclass(frozen=True)
class SearchState:
    """The state of the algorithm at work, of the watch for stagnation, and the handover if any.

    level: the best level of the GA's elites so far, None before it can be judged; stale:
    generations since it last rose by the declared improvement.
    """

    inner: GeneticState | RandomState | StrategyState
    level: float | None = None
    stale: int = 0
    handover: Handover | None = None


class Asked(NamedTuple):
    """Candidates [N, G] to be evaluated and the state that waits for their fitness.

    parents: mother and father of each as slots of the candidates before, int64 [2, N]; None in an
    ES, whose candidates descend from the mean.
    """

    state: SearchState
    candidates: Genomes
    parents: NDArray[np.int64] | None = None


def init(config: EvolutionConfig, start: Genomes, rng: Generator) -> SearchState:
    """The search's first state, around a start genome [G]."""
    first: Phase = "ga" if config.mode == "hybrid" else config.mode
    return SearchState(_algorithm(config, first).init(Start(start), rng))


def phase_of(state: SearchState) -> Phase:
    """Which of the algorithms is at work."""
    if isinstance(state.inner, GeneticState):
        return "ga"
    return "random" if isinstance(state.inner, RandomState) else "es"


def hand_over_if_due(
    config: EvolutionConfig, state: SearchState, member_steps: int, generation: int
) -> SearchState:
    """In mode `hybrid`, replace the GA by an ES at the switch point or when the GA stagnates."""
    if config.mode != "hybrid" or not isinstance(state.inner, GeneticState):
        return state
    reason: Reason
    if member_steps >= config.switch_point * config.budget:
        reason = "budget"
    elif config.handover.when == "stagnation" and state.stale >= config.handover.patience:
        reason = "stagnation"
    else:
        return state
    left = handed_over(config, state.inner)
    # No strategy draws random numbers before it is asked: the generator is not used.
    inner = _algorithm(config, "es").init(left, np.random.default_rng(0))
    spread = np.ones(len(left.mean)) if left.spread is None else left.spread
    sigma = config.strategy.sigma if left.sigma is None else left.sigma
    record = Handover(member_steps, generation, reason, left.mean, spread, sigma)
    return replace(state, inner=inner, handover=record)


def handed_over(config: EvolutionConfig, state: GeneticState) -> Start:
    """The elites' mean and, if the configuration says so, their spread and step size.

    A gene's spread is the elites' standard deviation, but at least `spread_floor` times
    `strategy.sigma`; the step size is the root mean square over genes.
    """
    elites = state.elites(config.genetic.elites)
    mean: Genomes = elites.mean(0, dtype=np.float32)
    if config.handover.spread == "isotropic":
        return Start(mean)
    floor = config.handover.spread_floor * config.strategy.sigma
    deviations = np.maximum(elites.std(0, dtype=np.float64), floor)
    sigma = float(np.sqrt(np.mean(deviations**2)))
    return Start(mean, deviations / sigma, sigma)


def ask(config: EvolutionConfig, state: SearchState, rng: Generator) -> Asked:
    """The next `population` candidates."""
    inner, candidates = _algorithm(config, phase_of(state)).ask(state.inner, rng)
    after = replace(state, inner=inner)
    return Asked(after, candidates, parents_of(after))


def tell(config: EvolutionConfig, asked: Asked, fitness: Fitness) -> SearchState:
    """The state after the candidates' fitness [N] is known; ValueError if it is not finite."""
    if not np.isfinite(fitness).all():
        raise ValueError(f"a candidate's fitness is not a finite number: {fitness}")
    state = asked.state
    inner = _algorithm(config, phase_of(state)).tell(state.inner, fitness)
    after = replace(state, inner=inner)
    return _watch(config, after) if isinstance(inner, GeneticState) else after


def _watch(config: EvolutionConfig, state: SearchState) -> SearchState:
    """Notice whether the elites' level rose: the watch begins when some of it can be trusted."""
    assert isinstance(state.inner, GeneticState)
    level = state.inner.level
    if level is None and state.level is None:
        return state
    if state.level is None or (
        level is not None and level >= state.level + config.handover.min_improvement
    ):
        return replace(state, level=level, stale=0)
    return replace(state, stale=state.stale + 1)


def incumbent(config: EvolutionConfig, state: SearchState) -> Genomes:
    """The genome [G] that the search would deliver now."""
    return _algorithm(config, phase_of(state)).incumbent(state.inner)


def parents_of(state: SearchState) -> NDArray[np.int64] | None:
    """Mother and father of each candidate, int64 [2, N]; None in an ES."""
    population = _population(state)
    return None if population is None else population.parents


def delivered_slot(state: SearchState) -> int | None:
    """The slot of the genome that would be delivered now; an ES's mean is no candidate."""
    population = _population(state)
    return None if population is None else population.best_slot


def _population(state: SearchState) -> GeneticState | None:
    inner = state.inner
    if isinstance(inner, GeneticState):
        return inner
    return inner.kept if isinstance(inner, RandomState) else None


def sigma_of(config: EvolutionConfig, state: SearchState) -> float:
    """The current mutation strength."""
    return _algorithm(config, phase_of(state)).sigma(state.inner)


def _algorithm(config: EvolutionConfig, phase: Phase) -> Algorithm[Any]:
    """The algorithm of a phase; its state is that of the phase."""
    if phase == "ga":
        return Genetic(config.genetic, config.population)
    if phase == "random":
        return RandomSearch(config.genetic, config.population)
    return strategies.make(config.strategy, config.population)
