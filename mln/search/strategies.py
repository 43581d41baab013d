"""Evolution strategies, one file per algorithm, chosen by `StrategyConfig.kind`."""

from collections.abc import Callable
from typing import Any, NamedTuple

from mln.search.base import Start
from mln.search.config import StrategyConfig
from mln.search.openai_es import OpenAIES, OpenAIState
from mln.search.sep_cma_es import SepCMAES, SepCMAState
from mln.search.snes import SNES, SNESState

Strategy = OpenAIES | SNES | SepCMAES
StrategyState = OpenAIState | SNESState | SepCMAState


class Registered(NamedTuple):
    """An algorithm, made from its settings and the population, and the class of its state."""

    algorithm: Callable[[StrategyConfig, int], Any]
    state: type


STRATEGIES: dict[str, Registered] = {
    "openai-es": Registered(OpenAIES, OpenAIState),
    "snes": Registered(SNES, SNESState),
    "sep-cma-es": Registered(SepCMAES, SepCMAState),
}
"""By `StrategyConfig.kind`; checkpoints know the states from here."""

__all__ = ["STRATEGIES", "Registered", "Start", "Strategy", "StrategyState", "make"]


def make(config: StrategyConfig, population: int) -> Strategy:
    """The strategy that the configuration names, asking for `population` candidates at a time."""
    strategy: Strategy = STRATEGIES[config.kind].algorithm(config, population)
    return strategy
