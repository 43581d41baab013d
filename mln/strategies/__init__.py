"""Evolution strategies, one file per algorithm, chosen by `StrategyConfig.kind`."""

from mln.config import StrategyConfig
from mln.strategies.base import Start
from mln.strategies.openai_es import OpenAIES, OpenAIState
from mln.strategies.sep_cma_es import SepCMAES, SepCMAState
from mln.strategies.snes import SNES, SNESState

Strategy = OpenAIES | SNES | SepCMAES
StrategyState = OpenAIState | SNESState | SepCMAState

_KINDS: dict[str, type[OpenAIES] | type[SNES] | type[SepCMAES]] = {
    "openai-es": OpenAIES,
    "snes": SNES,
    "sep-cma-es": SepCMAES,
}

__all__ = ["Start", "Strategy", "StrategyState", "make"]


def make(config: StrategyConfig, population: int) -> Strategy:
    """The strategy that the configuration names, asking for `population` candidates at a time."""
    return _KINDS[config.kind](config, population)
