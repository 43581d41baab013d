"""One small simulated experiment that the tests share."""

import pytest
from test_reports.simulated import simulated

from reports.data.load import load


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """Data of two tasks, five losses and eight seeds, with a study, one run diverged."""
    path = tmp_path_factory.mktemp("small") / "mln.db"
    store, experiment = simulated(
        path,
        tasks=("moons", "rings"),
        losses=("ce", "mse", "gce"),
        runs=2,
        seeds=8,
        study=True,
        diverged={("rings", "mse", 3, "tuned")},
    )
    data = load(store, experiment)
    store.close()
    return data
