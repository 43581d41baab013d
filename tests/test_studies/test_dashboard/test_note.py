"""The note of a study."""

import pytest
from optuna_dashboard import get_note
from test_studies import tiny

from bench.store import schema as tables
from bench.store.store import Store
from studies.space import MODE, MUTATION_SIGMA, POPULATION, SWITCH_POINT

pytestmark = pytest.mark.usefixtures("inline")


def test_the_note_names_the_incumbent_and_the_defaults(url):
    experiment = tiny.experiment(
        "confirm",
        trials=4,
        paper_defaults=True,
        space={POPULATION: [4, 16]},
        budget=900,
        settings={"genetic": {"elites": 2}},
    )
    result = tiny.run(experiment, url)
    rows = Store(url).rows(tables.slots)
    assert [row["origin"] for row in rows] == ["incumbent", "paper", "sampler", "sampler"]
    assert result.trials[0].params == {
        MODE: "hybrid",
        POPULATION: 4,
        MUTATION_SIGMA: 0.2,
        SWITCH_POINT: 0.7,
    }
    assert result.trials[1].params[POPULATION] == 16
    note = get_note(tiny.find_study(experiment, url))
    assert "0 (incumbent)" in note
    assert "1 (defaults)" in note
