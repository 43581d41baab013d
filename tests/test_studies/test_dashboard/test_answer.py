"""A study's note answers: what is best, is it better than what was named, what mattered."""

import pytest
from optuna_dashboard import get_note
from test_studies import tiny

from studies.dashboard.finalists import MAX_FINALISTS
from studies.naming import trial_name
from studies.outcome import TrialOutcome
from studies.plan import space_of
from studies.space import MODE, MUTATION_SIGMA, POPULATION, SWITCH_POINT

pytestmark = pytest.mark.usefixtures("inline")


def seeded(job, report) -> TrialOutcome:
    """Five evolution seeds: what has the larger mutation sigma gains a point more on each."""
    outcome = tiny.instant(job, report)
    (run,) = outcome.runs
    gain = run.gains[0]
    better = 0.01 * (job.params[MUTATION_SIGMA] > 0.25)
    runs = tuple(
        run._replace(seed=seed, gains=(gain._replace(gains=gain.gains * 0 + 0.1 * seed + better),))
        for seed in range(5)
    )
    return outcome._replace(value=0.2 + better, is_pruned=False, runs=runs)


def test_a_confirmation_says_whether_the_winner_is_better_than_the_defaults(url):
    experiment = tiny.experiment(
        "confirm",
        sampler="none",
        stop_early=False,
        space={POPULATION: [4, 6], MUTATION_SIGMA: {"low": 0.1, "high": 0.4}},
        variants={"large steps": {MUTATION_SIGMA: 0.4}, "GA": {MODE: "ga"}},
    )
    result = tiny.run(experiment, url, evaluate=seeded)
    assert result.best.slot == 1
    study = tiny.find_study(experiment, url)
    note = get_note(study)
    assert "**Answer.** Best is trial 1, large steps, `hybrid at .7, 4 x 2, GA .4" in note
    assert "Against the incumbent (trial 0): +1.00 points" in note
    assert "over 5 paired evolution seeds: better." in note
    assert "Against GA (trial 2): +1.00 points" in note
    assert "| 2 (GA) |" in note
    notes = [key for key in tiny.system_attrs(study) if key.endswith("note_ver")]
    assert len(notes) == 1 + 3  # the study's and those of all that is named
    assert len(notes) <= 1 + MAX_FINALISTS


def test_one_evolution_each_tells_nothing_apart(url):
    experiment = tiny.experiment(trials=6, variants={"defaults": {}})
    tiny.run(experiment, url)
    note = get_note(tiny.find_study(experiment, url))
    if "Best is trial 0" not in note:
        assert "one evolution each, which cannot tell the two apart" in note
    assert "What mattered is not known from 2 random trials" not in note  # too few for shares
    other = tiny.experiment(trials=3, name="no defaults")
    tiny.run(other, url)
    assert "name them in study.variants" in get_note(tiny.find_study(other, url))


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({MODE: "ga", POPULATION: 8, MUTATION_SIGMA: 0.1}, "ga, 8 x 2, GA .1"),
        ({MODE: "es", POPULATION: 4}, "es, 4 x 2, openai-es .1"),
        (
            {MODE: "hybrid", POPULATION: 4, MUTATION_SIGMA: 0.25, SWITCH_POINT: 0.3},
            "hybrid at .3, 4 x 2, GA .25, openai-es .1",
        ),
    ],
)
def test_a_trial_is_named_by_mode_and_sizes(params, name):
    assert trial_name(space_of(tiny.experiment()), params) == name
