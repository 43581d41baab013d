"""Running a study: failures, extension, progress, and what is refused."""

import pytest
from optuna.trial import TrialState
from optuna_dashboard import get_note
from optuna_dashboard._note import get_note_from_system_attrs
from test_studies import tiny
from test_studies.consistency import check_consistency

from bench.errors import InputError
from bench.store import schema as tables
from bench.store.store import Store
from studies.space import POPULATION

pytestmark = pytest.mark.usefixtures("inline")


def test_a_failed_trial_is_an_outcome_and_tried_again_by_the_next_command(url):
    experiment = tiny.experiment()
    result = tiny.run(experiment, url, evaluate=tiny.faulty)
    assert [t.state for t in result.trials].count("fail") == result.failed == 1
    row = Store(url).rows(tables.trials)[1]
    assert (row["state"], row["value"], row["member_steps"]) == ("fail", None, 0)
    study = tiny.find_study(experiment, url)
    failed = study.get_trials()[1]
    assert failed.state == TrialState.FAIL
    note = get_note_from_system_attrs(tiny.system_attrs(study), failed._trial_id)
    assert note["body"] == "**Failed.** ValueError: oh no"
    assert "1 failed" in get_note(study)
    assert "notes of the failed trials (1)" in get_note(study)

    repaired = tiny.run(experiment, url)
    assert repaired.failed == 0
    assert repaired.trials[1].params == result.trials[1].params
    check_consistency(experiment, url, 6)


def test_a_finished_study_is_extended_and_not_run_again(url, monkeypatch):
    first = tiny.run(tiny.experiment(), url, trials=4)
    whole = tiny.run(tiny.experiment(), url)
    assert tiny.content(whole)[:4] == tiny.content(first)
    monkeypatch.setattr(tiny.Inline, "start", None)
    assert tiny.content(tiny.run(tiny.experiment(), url)) == tiny.content(whole)
    longer = tiny.experiment(trials=5)
    assert len(tiny.run(longer, url).trials) == 6


@pytest.mark.parametrize(
    ("experiment", "arguments"),
    [
        (tiny.experiment(families=["blobz"]), {}),
        (tiny.experiment(space={POPULATION: [7]}), {}),
        (tiny.experiment(), {"count": 0}),
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
    tiny.run(tiny.experiment(), url, on_progress=seen.append)
    assert (seen[-1].done, seen[-1].total) == (6, 6)
    pruned = sum(row["state"] == "pruned" for row in Store(url).rows(tables.trials))
    assert seen[-1].pruned == pruned > 0
