"""Running a study: failures, confirmation, what is written and what is refused."""

import pytest
from optuna.trial import TrialState
from optuna_dashboard import get_note
from optuna_dashboard._custom_plot_data import get_plotly_graph_objects
from optuna_dashboard._note import get_note_from_system_attrs
from test_studies import tiny
from test_studies.consistency import check_consistency

from bench.errors import InputError
from bench.store import schema as tables
from bench.store.store import Store
from studies.protocol import METRIC
from studies.results import best_evolution
from studies.sampler import SLOT
from studies.space import MODE, MUTATION_SIGMA, POPULATION, SWITCH_POINT

pytestmark = pytest.mark.usefixtures("inline")


def system_attrs(study):
    return study._storage.get_study_system_attrs(study._study_id)


def test_a_failed_trial_is_an_outcome_and_tried_again_by_the_next_command(url):
    experiment = tiny.experiment()
    result = tiny.run(experiment, url, evaluate=tiny.faulty)
    assert [t.state for t in result.trials].count("fail") == result.failed == 1
    row = Store(url).rows(tables.trials)[1]
    assert (row["state"], row["value"], row["member_steps"]) == ("fail", None, 0)
    study = tiny.find_study(experiment, url)
    failed = study.get_trials()[1]
    assert failed.state == TrialState.FAIL
    note = get_note_from_system_attrs(system_attrs(study), failed._trial_id)
    assert note["body"] == "**Failed.** ValueError: oh no"
    assert "1 failed" in get_note(study)
    assert "notes of the failed trials (1)" in get_note(study)

    mended = tiny.run(experiment, url)
    assert mended.failed == 0
    assert mended.trials[1].params == result.trials[1].params
    check_consistency(experiment, url, 6)


def test_a_finished_study_is_extended_and_not_run_again(url, monkeypatch):
    first = tiny.run(tiny.experiment(), url, trials=4)
    whole = tiny.run(tiny.experiment(), url)
    assert tiny.content(whole)[:4] == tiny.content(first)
    monkeypatch.setattr(tiny.Inline, "start", None)
    assert tiny.content(tiny.run(tiny.experiment(), url)) == tiny.content(whole)
    longer = tiny.experiment(trials=5)
    assert len(tiny.run(longer, url).trials) == 6


def test_proposals_learn_from_the_trials_before(tmp_path):
    def inverted(job, report):
        outcome = tiny.instant(job, lambda value, *about: report(-value, *about))
        return outcome._replace(value=-outcome.value, is_pruned=False)

    experiment = tiny.experiment("confirm", trials=9, startup_trials=4, p_threshold=0.001)
    results = [
        tiny.run(experiment, f"sqlite:///{tmp_path}/{k}.db", evaluate=evaluate)
        for k, evaluate in enumerate((tiny.instant, inverted))
    ]
    one, other = ([trial.params for trial in result.trials] for result in results)
    assert one[:4] == other[:4]
    assert one[5:] != other[5:]


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
    assert all(isinstance(value, int | float) for value in attributes.values())
    assert {"feasible", "violation", "member_steps", "seconds", "slot"} <= set(attributes)
    note = get_note(study)
    for words in ("**Question.**", "**Protocol.**", "**Space.**", "1. ", "3. ", "Of 10 trials"):
        assert words in note
    assert f"| {result.best.number} | {result.best.value:+.4f} |" in note
    assert "evolution.settings" not in note
    plots = get_plotly_graph_objects(system_attrs(study))
    assert set(plots) == {"importances", "response", "budget-and-gain"}


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


def test_a_confirmation_takes_its_incumbent_from_a_screen(url):
    screen = tiny.experiment()
    found = tiny.run(screen, url)
    confirm = tiny.experiment("confirm", name="sure?", incumbent_from="tiny settings")
    assert tiny.run(confirm, url).trials[0].params == found.best.params
    lost = tiny.experiment("confirm", name="sure!", incumbent_from="nobody")
    with pytest.raises(InputError, match="no finished study 'nobody'"):
        tiny.run(lost, url)


def test_a_stopped_confirmation_is_complete_with_its_mean_for_optuna(url):
    experiment = tiny.experiment("confirm", trials=8, p_threshold=0.2)
    result = tiny.run(experiment, url)
    stopped = [trial for trial in result.trials if trial.state == "pruned"]
    assert stopped
    assert result.best.state == "complete"
    trials = tiny.find_study(experiment, url).get_trials()
    for trial in stopped:
        assert trial.value is None
        assert len(trial.values) == 12
        assert trials[trial.number].state == TrialState.COMPLETE
        assert trials[trial.number].value == pytest.approx(trial.estimate)
        assert trial.estimate < result.best.value


def test_a_pareto_study(url):
    experiment = tiny.experiment(cost=True, trials=8)
    result = tiny.run(experiment, url, evaluate=tiny.priced)
    study = tiny.find_study(experiment, url)
    front = {trial.number for trial in result.front}
    assert front == {trial.number for trial in study.best_trials}
    budgets = {trial.params["evolution.settings.budget"] for trial in result.trials}
    assert budgets <= {75, 150, 300}
    assert len(budgets) > 1
    assert "Pareto front" in get_note(study)
    costs = [row["cost"] for row in Store(url).rows(tables.studies)[0]["front"]]
    assert costs == sorted(costs)


def test_an_infeasible_trial_is_not_the_best(url):
    def diverging(job, report):
        outcome = tiny.instant(job, report)
        (run,) = outcome.runs
        gains = (run.gains[0]._replace(diverged=int(job.slot % 2 == 0)),)
        return outcome._replace(runs=(run._replace(gains=gains),))

    experiment = tiny.experiment("confirm", trials=6)
    result = tiny.run(experiment, url, evaluate=diverging)
    assert [trial.is_feasible for trial in result.trials] == [k % 2 == 1 for k in range(6)]
    assert result.best.slot % 2 == 1
    study = tiny.find_study(experiment, url)
    assert study.best_trial.user_attrs[SLOT] % 2 == 1
    assert [t.user_attrs["feasible"] for t in study.trials] == [k % 2 for k in range(6)]
    assert "3 infeasible" in get_note(study)
    assert f"| {result.best.number} | {result.best.value:+.4f} |" in get_note(study)


def test_zombies_are_failed_at_the_end(url):
    experiment = tiny.experiment()
    tiny.run(experiment, url, trials=2)
    zombie = tiny.find_study(experiment, url).ask()
    tiny.run(experiment, url)
    study = tiny.find_study(experiment, url)
    assert study.trials[zombie.number].state == TrialState.FAIL
    assert all(trial.state.is_finished() for trial in study.trials)


def test_best_settings(url):
    experiment = tiny.experiment()
    assert best_evolution(experiment, url) is None
    tiny.run(experiment, url, trials=4)
    assert best_evolution(experiment, url) is None
    result = tiny.run(experiment, url)
    found = best_evolution(experiment, url)
    assert found.settings.population == result.best.params[POPULATION]
    assert found.settings.budget == experiment.evolution.settings.budget
    tiny.run(experiment, url, trials=12)
    assert best_evolution(experiment, url) == found


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


@pytest.mark.parametrize(
    ("experiment", "arguments"),
    [
        (tiny.experiment(families=["blobz"]), {}),
        (tiny.experiment(space={POPULATION: [7]}), {}),
        (tiny.experiment(), {"workers": 0}),
        (tiny.experiment(), {"trials": 0}),
        (tiny.experiment("ablate"), {"trials": 5}),
        (tiny.experiment("confirm", incumbent_from="nobody"), {}),
    ],
)
def test_bad_input_writes_nothing(url, tmp_path, experiment, arguments):
    with pytest.raises(InputError):
        tiny.run(experiment, url, **arguments)
    assert not list(tmp_path.iterdir())


def test_progress_is_told_of_the_share_that_was_stopped(url):
    seen = []
    tiny.run(tiny.experiment(), url, progress=seen.append)
    assert (seen[-1].done, seen[-1].total) == (6, 6)
    pruned = sum(row["state"] == "pruned" for row in Store(url).rows(tables.trials))
    assert seen[-1].pruned == pruned > 0
