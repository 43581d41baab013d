"""The seeds of a study: no use shares one with another."""

import pytest
from test_studies import tiny

from bench.cells.seeds import Purpose
from studies import seeds
from studies.judging import frozen_draws
from studies.objective import evaluate
from studies.outcome import TrialJob
from studies.seeds import EVOLVE, Use
from studies.space import MODE, MUTATION_SIGMA, POPULATION


@pytest.mark.parametrize("kind", ["screen", "confirm", "ablate"])
def test_only_seeds_of_studies_are_used_and_none_twice(monkeypatch, kind):
    seen = []
    original = seeds.seed_for

    def seed_for(root, purpose, *index):
        assert purpose is Purpose.STUDY
        seen.append(index)
        return original(root, purpose, *index)

    frozen_draws.cache_clear()
    monkeypatch.setattr(seeds, "seed_for", seed_for)
    params = {MODE: "ga"}
    if kind != "ablate":
        params |= {POPULATION: 4, MUTATION_SIGMA: 0.3}
    evaluate(TrialJob(tiny.experiment(kind), params, 4), lambda *_: False)
    assert len(seen) == len(set(seen))
    assert {index[0] for index in seen} <= {EVOLVE[kind], seeds.JUDGE[kind], Use.ORDER}
