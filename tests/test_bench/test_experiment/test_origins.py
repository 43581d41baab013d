"""Where a value comes from is what its layers say, and no value is left out."""

from pathlib import Path

import pytest

from bench.experiment.model import load, shipped
from bench.experiment.origins import values

TOML = """
name = "mine"
[benchmark]
tasks = ["moons"]
losses = ["ce", "mse"]
evolved = false
learner = "mlp_64_64"
[scales.small.benchmark]
seeds = 3
[scales.few]
seed = 8
[scales.few.benchmark]
seeds = 4
"""


def test_each_value_names_the_last_layer_that_set_it(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(TOML)
    overrides = ["scale=small+few", "benchmark.training.steps=9", "report.rope=0.01"]
    found = {
        value.key: (value.value, value.origin)
        for value in values(load(str(file), overrides), str(file), overrides)
    }
    assert found["name"] == ("mine", "file")
    assert found["seed"] == (8, "scale few")
    assert found["benchmark.seeds"] == (4, "scale few")
    assert found["benchmark.learner.hidden"] == ([64, 64], "file")  # of a learner that is named
    assert found["benchmark.training.steps"] == (9, "--set")
    assert found["benchmark.training.batch_size"][1] == "default"
    assert found["report.rope"] == (0.01, "--set")
    assert not any(key.startswith(("evolution", "study")) for key in found)


@pytest.mark.parametrize("name", shipped())
def test_the_values_of_a_shipped_experiment_make_it_again(name: str) -> None:
    experiment = load(name)
    tree: dict[str, object] = {}
    for value in values(experiment, name):
        *sections, last = value.key.split(".")
        place = tree
        for section in sections:
            place = place.setdefault(section, {})  # type: ignore[assignment]
        place[last] = value.value
    assert type(experiment).model_validate(tree) == experiment
