"""A study's storage: another configuration and a bad URL are refused."""

import pytest
from test_studies import tiny

from bench.errors import InputError
from studies import identity
from studies.results import best_evolution
from studies.space import POPULATION
from studies.storage import opened

pytestmark = pytest.mark.usefixtures("inline")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (tiny.experiment(budget=400), r"study\.budget is \d+ there and 400 here"),
        (tiny.experiment(space={POPULATION: [4]}), rf"study\.space\.{POPULATION} is .* here"),
        (
            tiny.experiment(settings={"tasks_per_generation": 1}),
            r"evolution\.settings\.tasks_per_generation is \d+ there and 1 here",
        ),
        (tiny.experiment().model_copy(update={"seed": 4}), "seed is 3 there and 4 here"),
    ],
)
def test_another_configuration_is_refused_by_the_key_that_differs(url, changed, words):
    tiny.run(tiny.experiment(), url, trials=2)
    for use in (tiny.run, best_evolution):
        with pytest.raises(InputError, match=words) as caught:
            use(changed, url)
        assert "choose another study.name or another --storage" in str(caught.value)


def test_other_sources_are_no_key(url, monkeypatch):
    tiny.run(tiny.experiment(), url, trials=2)
    monkeypatch.setattr(identity, "source_hash", lambda: "another")
    with pytest.raises(InputError, match="made by other sources or library versions"):
        tiny.run(tiny.experiment(), url, trials=2)


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
