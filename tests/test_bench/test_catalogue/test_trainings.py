"""Trainings by name: a recipe, and what an experiment says beside it."""

from pathlib import Path

import pytest

from bench.catalogue.trainings import TRAININGS
from bench.errors import InputError
from bench.experiment.model import load
from bench.experiment.origins import values

HE = TRAININGS.get("he2016").spec


def test_he2016_is_as_published() -> None:
    assert (HE.steps, HE.batch_size, HE.optimizer, HE.momentum) == (64_000, 128, "sgd", 0.9)
    assert (HE.weight_decay, HE.nesterov, HE.augmentation.crop, HE.augmentation.flip) == (
        1e-4,
        False,
        4,
        True,
    )
    factors = HE.rate_factors()
    assert [factors[at] for at in (31_999, 32_000, 47_999, 48_000)] == pytest.approx(
        [1, 0.1, 0.1, 0.01]
    )


def test_wide_residual_networks_train_with_nesterov_and_four_rates() -> None:
    factors = TRAININGS.get("zagoruyko2016").spec.rate_factors()
    assert len(factors) == 78_200
    assert [factors[391 * epoch] for epoch in (59, 60, 120, 160)] == pytest.approx(
        [1, 0.2, 0.04, 0.008]
    )


@pytest.mark.parametrize(
    "named", ['training = "he2016"', '[benchmark.training]\nrecipe = "he2016"']
)
def test_a_recipe_is_named_in_a_file_and_changed_by_what_is_laid_over_it(
    named: str, tmp_path: Path
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        'name = "mine"\n[benchmark]\ntasks = ["digits"]\nlosses = ["ce", "mse"]\n'
        f"evolved = false\n{named}\n"
        "[scales.small.benchmark.training]\nsteps = 30\n"
    )
    full = load(str(file))
    assert full.benchmark is not None
    assert full.benchmark.training == HE
    small = load(str(file), ["scale=small", "benchmark.training.augmentation.mixup=0.2"]).benchmark
    assert small is not None
    assert (small.training.steps, small.training.batch_size) == (30, 128)
    assert (small.training.augmentation.crop, small.training.augmentation.mixup) == (4, 0.2)
    origins = {value.key: value.origin for value in values(full, str(file))}
    assert origins["benchmark.training.weight_decay"] == "file"
    assert load(str(file), ["report.metric=recovery_steps"]).report.worst > 10_000


def test_a_recipe_of_an_evolution_and_a_misspelt_one() -> None:
    overrides = [
        "evolution.settings.budget=1000000000",
        "evolution.settings.training.recipe=he2016",
    ]
    evolved = load("one-loss", overrides).evolution
    assert evolved is not None
    assert evolved.settings.training.weight_decay == 1e-4
    with pytest.raises(InputError, match="did you mean 'he2016'"):
        load("quickstart", ["benchmark.training.recipe=he2061"])
