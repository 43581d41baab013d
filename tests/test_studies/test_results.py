"""What others take from a study: its best settings, once it is finished."""

import pytest
from test_studies import tiny

from bench.errors import InputError
from studies.results import best_evolution
from studies.space import POPULATION

pytestmark = pytest.mark.usefixtures("inline")


def test_a_confirmation_takes_its_incumbent_from_a_screen(url):
    screen = tiny.experiment()
    screened = tiny.run(screen, url)
    confirm = tiny.experiment("confirm", name="sure?", incumbent_from="tiny settings")
    assert tiny.run(confirm, url).trials[0].params == screened.best.params
    lost = tiny.experiment("confirm", name="sure!", incumbent_from="nobody")
    with pytest.raises(InputError, match="no finished study 'nobody'"):
        tiny.run(lost, url)


def test_best_settings(url):
    experiment = tiny.experiment()
    assert best_evolution(experiment, url) is None
    tiny.run(experiment, url, trials=4)
    assert best_evolution(experiment, url) is None
    result = tiny.run(experiment, url)
    best = best_evolution(experiment, url)
    assert best.settings.population == result.best.params[POPULATION]
    assert best.settings.budget == experiment.evolution.settings.budget
    tiny.run(experiment, url, trials=12)
    assert best_evolution(experiment, url) == best
