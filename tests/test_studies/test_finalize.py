"""What a study leaves in the store and in Optuna, and that no trial is left running."""

import pytest
from optuna.trial import TrialState
from optuna_dashboard import get_note
from optuna_dashboard._custom_plot_data import get_plotly_graph_objects
from test_studies import tiny
from test_studies.consistency import check_consistency

from bench.store import schema as tables
from bench.store.store import Store
from studies.protocol import METRIC
from studies.space import MODE, POPULATION

pytestmark = pytest.mark.usefixtures("inline")


def test_what_a_study_leaves_in_the_store_and_in_optuna(url):
    experiment = tiny.experiment(trials=10, startup_trials=6)
    result = tiny.run(experiment, url)
    check_consistency(experiment, url, 10)
    store = Store(url, create=False)
    (row,) = store.rows(tables.studies)
    assert (row["study"], row["kind"], row["experiment"]) == ("tiny settings", "screen", "tiny")
    assert row["best"]["slot"] == result.best.slot
    assert row["protocol"]["budget"] == 300
    assert row["protocol"]["space"][POPULATION] == "{4, 6}"
    gains = store.rows(tables.gains)
    assert [gain["slot"] for gain in gains] == list(range(10))
    assert gains[2]["settings"] == result.trials[2].params
    (shares,) = store.rows(tables.importances)
    assert sum(shares["values"].values()) == pytest.approx(1)

    study = tiny.find_study(experiment, url)
    assert study.metric_names == [METRIC]
    assert set(study.user_attrs) == {"question", "protocol", "space_version", "fingerprint"}
    attributes = study.trials[0].user_attrs
    words = {name: attributes[name] for name in ("name", "worst_regime")}
    assert words["worst_regime"] == "clean"
    assert words["name"].startswith(result.trials[0].params[MODE])
    numbers = {name: value for name, value in attributes.items() if name not in words}
    assert all(isinstance(value, int | float) for value in numbers.values())
    assert numbers["gain: clean"] == result.trials[0].values[-1]
    assert {"feasible", "violation", "member_steps", "seconds", "slot"} <= set(attributes)
    note = get_note(study)
    for words in ("**Question.**", "**Protocol.**", "**Space.**", "1. ", "3. ", "Of 10 trials"):
        assert words in note
    assert f"| {result.best.number} | {100 * result.best.value:+.2f} |" in note
    assert "evolution.settings" not in note
    plots = get_plotly_graph_objects(tiny.system_attrs(study))
    assert set(plots) == {"importances", "response", "budget-and-gain"}


def test_zombies_are_failed_at_the_end(url):
    experiment = tiny.experiment()
    tiny.run(experiment, url, trials=2)
    zombie = tiny.find_study(experiment, url).ask()
    tiny.run(experiment, url)
    study = tiny.find_study(experiment, url)
    assert study.trials[zombie.number].state == TrialState.FAIL
    assert all(trial.state.is_finished() for trial in study.trials)
