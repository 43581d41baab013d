"""Networks of one's own are tried before anything is trained."""

from dataclasses import replace

import pytest

from bench.catalogue.learners import LEARNERS
from bench.catalogue.losses import LOSSES, UNEVOLVED
from bench.catalogue.trainings import TRAININGS
from bench.errors import InputError
from bench.experiment.checks import load_checked
from bench.experiment.model import load


@pytest.mark.parametrize(
    ("factory", "batch_size", "reason"),
    [
        ("batch_normed", 1, "more than 1 value per channel"),
        ("Counting", 8, "float32 has not"),
        ("normed", 8, None),
    ],
)
def test_what_cannot_train_is_refused(factory: str, batch_size: int, reason: str | None) -> None:
    overrides = [
        f'benchmark.learner={{kind="module",hidden=[],module="test_mln.modules:{factory}"}}',
        f"benchmark.training.batch_size={batch_size}",
    ]
    if reason is None:
        assert load_checked("quickstart", overrides).benchmark
        return
    with pytest.raises(InputError, match=f"learner {factory} on task .*{reason}"):
        load_checked("quickstart", overrides)


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        (["benchmark.training.augmentation.crop=-1"], "crop must be a whole number of pixels"),
        (["benchmark.training.augmentation.mixupp=1"], "did you mean 'mixup'"),
        (
            ['benchmark.tasks=["moons"]', "benchmark.training.augmentation.flip=true"],
            "'moons': augmentation by crop, flip",
        ),
        (
            ['benchmark.tasks=["digits"]', "benchmark.training.augmentation.cutout=8"],
            "'digits': augmentation: crop and cutout must be smaller than the pictures' 8 pixels",
        ),
    ],
)
def test_augmentation_that_cannot_be_is_refused(overrides: list[str], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        load_checked("quickstart", overrides)


@pytest.mark.parametrize("name", ["cifar10-resnet", "fashion-resnet"])
def test_residual_networks_judge_the_losses_of_adaptive(name: str) -> None:
    experiment, adaptive = load(name), load("adaptive")
    assert experiment.evolution == adaptive.evolution
    assert experiment.seed == adaptive.seed
    assert experiment.benchmark is not None
    assert set(experiment.benchmark.losses) == {
        *(entry.name for entry in LOSSES.entries() if entry.name != UNEVOLVED),
        "pretrained:adaptive",
    }
    small = load(name, ["scale=small"]).benchmark
    assert small is not None
    assert (small.learner, small.seeds) == (LEARNERS.get("resnet8").resolved(), 8)
    assert all("few=2000" in task for task in small.tasks)
    he = TRAININGS.get("he2016").spec
    assert replace(experiment.benchmark.training, steps=he.steps) == he
