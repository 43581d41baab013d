"""A study's storage: another configuration and a bad URL are refused."""

import pytest
from test_studies import tiny

from bench.errors import InputError
from studies.results import best_evolution
from studies.space import POPULATION
from studies.storage import opened

pytestmark = pytest.mark.usefixtures("inline")


@pytest.mark.parametrize(
    "changed",
    [
        tiny.experiment(budget=400),
        tiny.experiment(space={POPULATION: [4]}),
        tiny.experiment(settings={"tasks_per_generation": 1}),
        tiny.experiment().model_copy(update={"seed": 4}),
    ],
)
def test_another_configuration_is_refused(url, changed):
    tiny.run(tiny.experiment(), url, trials=2)
    for use in (tiny.run, best_evolution):
        with pytest.raises(InputError, match=r"choose another study\.name or another --storage"):
            use(changed, url)


@pytest.mark.parametrize(
    "bad", ["nonsense", "mysql://x/y", "sqlite://", "postgresql+psycopg://u@127.0.0.1:1/x"]
)
def test_a_bad_url_is_refused(bad):
    for use in (tiny.run, best_evolution):
        with pytest.raises(InputError, match="storage"):
            use(tiny.experiment(), bad)


def test_braces_in_a_path_are_no_template(tmp_path):
    with opened(f"sqlite:///{tmp_path}/a {{b}} 'ü.db") as storage:
        assert storage.get_all_studies() == []
    assert (tmp_path / "a {b} 'ü.db").is_file()
