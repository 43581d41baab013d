"""The export: the experiment with the best settings."""

import pytest
from test_studies import tiny

from bench.errors import InputError
from bench.experiment.model import load
from studies.export import export
from studies.results import best_evolution


@pytest.mark.usefixtures("inline")
def test_the_export_is_the_experiment_with_the_best_settings(url, tmp_path):
    experiment = tiny.experiment()
    with pytest.raises(InputError, match="no complete and feasible trial"):
        export(experiment, None, tmp_path / "best.toml")
    result = tiny.run(experiment, url)
    export(experiment, result.best, tmp_path / "new" / "best.toml")
    exported = load(str(tmp_path / "new" / "best.toml"))
    assert exported.study is None
    assert exported.evolution == best_evolution(experiment, url)
    assert exported.evolution.settings.budget == experiment.evolution.settings.budget
    same = ("seed", "device", "benchmark", "tuning", "report")
    assert all(getattr(exported, key) == getattr(experiment, key) for key in same)
    assert "300 member-steps" in exported.description
