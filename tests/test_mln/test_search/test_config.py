"""Settings of the search: what they accept."""

from dataclasses import replace

import pytest

from mln.config import EvolutionConfig
from mln.search.config import GeneticConfig, HandoverConfig, StrategyConfig


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"population": -4}, "population must be at least 4"),
        ({"population": 7}, "even"),
        ({"switch_point": 1.5}, "switch_point"),
        ({"budget": 10}, "less than one generation"),
        ({"genetic": GeneticConfig(elites=40)}, "elites"),
        ({"learning_rates": ()}, "learning_rates"),
    ],
)
def test_impossible_settings_are_refused(change: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(EvolutionConfig(), **change)


@pytest.mark.parametrize(
    ("config", "key", "value"),
    [
        (GeneticConfig(), "truncation", 0.0),
        (GeneticConfig(), "truncation", 1.1),
        (GeneticConfig(), "blend_alpha", -0.1),
        (GeneticConfig(), "sbx_eta", float("nan")),
        (StrategyConfig(), "mean_rate", 0.0),
        (HandoverConfig(), "patience", 0),
        (HandoverConfig(), "min_improvement", -0.1),
        (HandoverConfig(), "spread_floor", 0.0),
    ],
)
def test_a_setting_out_of_range_is_named(config, key: str, value: float) -> None:
    with pytest.raises(ValueError, match=key):
        replace(config, **{key: value})
