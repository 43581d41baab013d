"""The runner: interruption and resume, failures, what is written."""

import optuna
import pytest
from optuna.trial import Trial, TrialState
from optuna_dashboard import get_note
from test_studies import tiny

from bench import store as tables
from bench.errors import InputError
from bench.store import Store
from studies import screen
from studies.outcome import TrialFailure
from studies.screen import best_settings, run_study
from studies.space import MODE, MUTATION_SIGMA, POPULATION, PREFIX, SWITCH_POINT
from studies.storage import METRIC, find_study


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'runs' / 'mln.db'}"


@pytest.fixture(autouse=True)
def _instant(monkeypatch):
    monkeypatch.setattr(screen, "Workers", tiny.Instant)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(screen, "Workers", tiny.Instant)
        path = tmp_path_factory.mktemp("whole") / "mln.db"
        return tiny.content(run_study(tiny.experiment(trials=8), f"sqlite:///{path}"))


def stop_at(call, original):
    """The function, interrupted when it is called for the n-th time."""
    calls = 0

    def interrupted(*args, **kwargs):
        nonlocal calls
        calls += 1
        if calls == call:
            raise KeyboardInterrupt
        return original(*args, **kwargs)

    return interrupted


@pytest.mark.parametrize(
    ("owner", "name", "call"),
    [
        (tiny.Instant, "evaluate", 1),
        (tiny.Instant, "evaluate", 4),
        (Trial, "suggest_float", 5),  # in the middle of a trial's parameters
        (optuna.Study, "ask", 6),  # in the middle of asking for a batch
        (optuna.Study, "tell", 4),  # in the middle of telling one
        (Trial, "report", 11),  # in the middle of a trial's intermediate values
        (Store, "put", 4),  # told, but the rows are not written
    ],
)
def test_an_interrupted_study_resumes_to_the_same_bits(
    url, uninterrupted, monkeypatch, owner, name, call
):
    experiment = tiny.experiment(trials=8)
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, stop_at(call, getattr(owner, name)))
        with pytest.raises(KeyboardInterrupt):
            run_study(experiment, url)
    resumed = run_study(experiment, url)
    assert tiny.content(resumed) == uninterrupted
    assert len(Store(url).rows(tables.trials)) == 8


def test_interruption_from_the_progress_callback(url, uninterrupted):
    seen = []

    def progress(at):
        seen.append((at.done, at.total))
        if at.done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(tiny.experiment(trials=8), url, progress=progress)
    assert seen == [(0, 8), (2, 8), (4, 8)]
    resumed = run_study(tiny.experiment(trials=8), url, progress=lambda at: seen.append(at.done))
    assert tiny.content(resumed) == uninterrupted
    assert seen[3:] == [4, 6, 8]


def test_a_finished_study_can_be_extended_and_is_not_run_again(url, uninterrupted, monkeypatch):
    run_study(tiny.experiment(), url, trials=4)
    assert tiny.content(run_study(tiny.experiment(trials=8), url, workers=2)) == uninterrupted
    monkeypatch.setattr(tiny.Instant, "one", None)
    assert tiny.content(run_study(tiny.experiment(trials=8), url)) == uninterrupted


def test_the_proposals_use_the_history(url, uninterrupted, monkeypatch):
    original = tiny.Instant.one
    monkeypatch.setattr(
        tiny.Instant, "one", lambda self, job: original(self, job)._replace(value=-job.slot)
    )
    other = run_study(tiny.experiment(trials=8), url)
    params = [trial[3] for trial in uninterrupted]
    startup = 4  # 3 random trials, and the rest of their batch
    assert [trial.params for trial in other.trials[:startup]] == params[:startup]
    assert [trial.params for trial in other.trials[startup:]] != params[startup:]


def test_no_proposal_repeats_another(uninterrupted):
    sigmas = [params[MUTATION_SIGMA] for _, _, _, params, *_ in uninterrupted if len(params) > 2]
    assert len(set(sigmas)) == len(sigmas) > 2


def test_rows_importances_note_and_attributes(url):
    result = run_study(tiny.experiment(trials=8), url)
    store = Store(url, create=False)
    rows = store.rows(tables.trials, study="tiny settings")
    assert [row["slot"] for row in rows] == list(range(8))
    assert {row["state"] for row in rows} == {"complete"}
    assert rows[2]["params"] == result.trials[2].params
    assert rows[2]["intermediate"]["step"] == [100, 200, 300]
    assert rows[2]["intermediate"]["value"][-1] == rows[2]["value"]
    (shares,) = store.rows(tables.importances)
    assert sum(shares["values"].values()) == pytest.approx(1)
    assert set(shares["values"]) <= {MODE, POPULATION, MUTATION_SIGMA, SWITCH_POINT}

    study = find_study(tiny.experiment(trials=8), url)
    assert study.metric_names == [METRIC]
    assert set(study.user_attrs) == {"question", "protocol", "space_version", "fingerprint"}
    assert study.trials[0].user_attrs == {"member_steps": 300}
    note = get_note(study)
    assert "**Question.**" in note
    assert f"| {max(result.trials, key=lambda t: t.value).number} | +" in note
    assert "Below 50 complete trials they are not evidence: this study has 8." in note
    assert PREFIX not in note


@pytest.mark.parametrize("trials", [2, 4])
def test_importances_are_empty_where_they_mean_nothing(url, monkeypatch, trials):
    original = tiny.Instant.one
    monkeypatch.setattr(
        tiny.Instant, "one", lambda self, job: original(self, job)._replace(value=0.5)
    )
    run_study(tiny.experiment(modes=["ga"], populations=[4]), url, trials=trials)
    assert Store(url).rows(tables.importances)[0]["values"] == {}


def test_single_valued_parameters(url):
    result = run_study(tiny.experiment(modes=["ga"], populations=[4]), url)
    assert all(set(t.params) == {MODE, POPULATION, MUTATION_SIGMA} for t in result.trials)
    shares = Store(url).rows(tables.importances)[0]["values"]
    assert shares[MUTATION_SIGMA] == pytest.approx(1)


def test_a_failed_trial_is_recorded_and_the_study_goes_on(url, monkeypatch):
    original = tiny.Instant.one
    monkeypatch.setattr(
        tiny.Instant,
        "one",
        lambda self, job: TrialFailure("oh no") if job.slot == 1 else original(self, job),
    )
    result = run_study(tiny.experiment(), url)
    assert [trial.state for trial in result.trials] == ["complete", "fail"] + ["complete"] * 4
    assert result.failed == 1
    row = Store(url).rows(tables.trials)[1]
    assert (row["state"], row["value"], row["member_steps"]) == ("fail", None, 0)
    study = find_study(tiny.experiment(), url)
    assert study.trials[1].state == TrialState.FAIL
    assert "1 failed" in get_note(study)


def test_best_settings(url, monkeypatch):
    experiment = tiny.experiment()
    assert best_settings(experiment, url) is None
    run_study(experiment, url, trials=4)
    assert best_settings(experiment, url) is None
    result = run_study(experiment, url)
    settings = best_settings(experiment, url)
    assert settings == result.best_config
    assert settings.population == result.best_params[POPULATION]
    assert settings.budget == experiment.evolution.settings.budget
    assert run_study(experiment, url, trials=12).best_value >= result.best_value
    assert best_settings(experiment, url) == settings


def test_all_trials_failed(url, monkeypatch):
    monkeypatch.setattr(tiny.Instant, "one", lambda self, job: TrialFailure("oh no"))
    result = run_study(tiny.experiment(), url)
    assert (result.best_params, result.failed) == (None, 6)
    with pytest.raises(InputError, match="all 6 trials failed"):
        best_settings(tiny.experiment(), url)


@pytest.mark.parametrize(
    "changed",
    [
        tiny.experiment(budget=400),
        tiny.experiment(mutation_sigma=[0.01, 0.5]),
        tiny.experiment(settings={"tasks_per_generation": 1}),
        tiny.experiment().model_copy(update={"seed": 4}),
    ],
)
def test_another_configuration_is_refused(url, changed):
    run_study(tiny.experiment(), url, trials=2)
    for use in (run_study, best_settings):
        with pytest.raises(InputError, match=r"choose another study\.name or another --storage"):
            use(changed, url)


def test_settings_that_trials_replace_may_change(url):
    run_study(tiny.experiment(), url)
    settings = {"budget": 2000, "mode": "es", "population": 8}
    assert best_settings(tiny.experiment(settings=settings), url).budget == 2000


@pytest.mark.parametrize(
    "bad", ["nonsense", "mysql://x/y", "sqlite://", "postgresql+psycopg://u@127.0.0.1:1/x"]
)
def test_a_bad_url_is_refused(bad):
    for use in (run_study, best_settings):
        with pytest.raises(InputError, match="storage"):
            use(tiny.experiment(), bad)


@pytest.mark.parametrize(
    ("experiment", "arguments"),
    [
        (tiny.experiment(families=["blobz"]), {}),
        (tiny.experiment(populations=[7]), {}),
        (tiny.experiment(), {"workers": 0}),
        (tiny.experiment(), {"trials": 0}),
    ],
)
def test_bad_input_writes_nothing(url, tmp_path, experiment, arguments):
    with pytest.raises(InputError):
        run_study(experiment, url, **arguments)
    assert not list(tmp_path.iterdir())
