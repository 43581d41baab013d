"""The search space: conditions, application to the settings, refusal before a run."""

import subprocess
import sys

import optuna
import pytest
from test_studies import tiny

from bench.errors import InputError
from studies import space


def suggested(mode, **changes):
    trial = optuna.trial.FixedTrial(
        {space.MODE: mode, space.POPULATION: 6, space.MUTATION_SIGMA: 0.1, space.SWITCH_POINT: 0.4}
    )
    return space.suggest(trial, tiny.experiment(**changes).study)


@pytest.mark.parametrize(
    ("mode", "own"),
    [
        ("es", set()),
        ("ga", {space.MUTATION_SIGMA}),
        ("hybrid", {space.MUTATION_SIGMA, space.SWITCH_POINT}),
    ],
)
def test_a_mode_has_only_its_own_parameters(mode, own):
    assert set(suggested(mode)) == {space.MODE, space.POPULATION} | own


def test_names_are_keys_of_the_experiment():
    settings = tiny.experiment().model_dump()
    for name in space.NAMES:
        node = settings
        for part in name.split("."):
            node = node[part]


def test_apply_replaces_nested_settings_and_nothing_else():
    before = tiny.experiment().evolution.settings
    after = space.apply(suggested("hybrid"), before, budget=300)
    assert (after.mode, after.population, after.switch_point) == ("hybrid", 6, 0.4)
    assert after.genetic.mutation_sigma == 0.1
    assert after.genetic.elites == before.genetic.elites
    assert (after.budget, before.budget) == (300, 1000)
    assert space.apply({}, before) == before


def test_apply_checks_only_the_final_settings():
    before = tiny.experiment(settings={"genetic": {"elites": 3}}).evolution.settings
    grown = space.apply({space.POPULATION: 60}, before, budget=10_000)
    assert space.apply({space.POPULATION: 4}, grown, budget=100).budget == 100


def test_apply_refuses_an_unknown_name():
    with pytest.raises(ValueError, match="not in the search space"):
        space.apply({"evolution.settings.genetic.elites": 1}, tiny.experiment().evolution.settings)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"populations": [4, 400]}, "less than one generation"),
        ({"populations": [4, 7]}, "must be even"),
        ({"populations": []}, r"study\.populations"),
        ({"modes": ["ga", "ga"]}, r"study\.modes"),
        ({"mutation_sigma": [0.5, 0.1]}, r"study\.mutation_sigma"),
        ({"mutation_sigma": [0.0, 0.1]}, "must be positive"),
        ({"switch_point": [0.5, 1.5]}, "switch_point must lie"),
    ],
)
def test_a_space_with_invalid_trials_is_refused(changes, complaint):
    with pytest.raises(InputError, match=complaint):
        space.check(tiny.experiment(**changes))


def test_asking_for_trials_needs_no_torch():
    code = "import sys, studies.screen, studies.review; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
