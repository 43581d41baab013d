"""Importances: which trials they are estimated on."""

import pytest
from test_studies import tiny

from studies.dashboard.importance import importances, unbiased
from studies.plan import plan
from studies.sampler import SLOT
from studies.space import MODE, MUTATION_SIGMA, POPULATION, SWITCH_POINT

pytestmark = pytest.mark.usefixtures("inline")


def test_neither_enqueued_nor_proposed_trials_count(url):
    first = {MODE: "hybrid", POPULATION: 4, MUTATION_SIGMA: 0.1, SWITCH_POINT: 0.5}
    experiment = tiny.experiment(trials=7, startup_trials=5, enqueue=[first])
    tiny.run(experiment, url)
    study, todo = tiny.find_study(experiment, url), plan(experiment)
    trials = unbiased(study, experiment.study, todo)
    assert [trial.user_attrs[SLOT] for trial in trials] == [1, 2, 3, 4]
    shares = importances(study, experiment.study, todo)
    assert shares.trials == 4
    assert sum(shares.shares.values()) == pytest.approx(1)


def test_an_ablation_has_none(url):
    experiment = tiny.experiment("ablate")
    tiny.run(experiment, url)
    shares = importances(tiny.find_study(experiment, url), experiment.study, plan(experiment))
    assert (shares.shares, shares.trials) == ({}, 0)
