"""Evolution strategies, one file per algorithm, chosen by `StrategyConfig.kind`."""

from mln.search.base import Start
from mln.search.config import StrategyConfig
from mln.search.openai_es import OpenAIES, OpenAIState
from mln.search.sep_cma_es import SepCMAES, SepCMAState
from mln.search.snes import SNES, SNESState

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
