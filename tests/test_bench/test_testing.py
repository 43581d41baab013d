"""The conformance tests, over everything that is built in and over the examples of plug-ins."""

from collections.abc import Callable, Iterator

import pytest
from places import PLUGINS
from test_mln import modules

from bench.catalogue import plugins
from bench.catalogue.learners import LEARNERS, LearnerEntry
from bench.catalogue.losses import LOSSES
from bench.tasks.catalogue import self_contained
from bench.testing import (
    LEARNER_CHECKS,
    LOSS_CHECKS,
    TASK_CHECKS,
    learner_evaluates_examples_alone,
    learner_is_paired,
)

MADE = [
    "blobs:features=32,classes=10",
    "classification:features=2,classes=4",
    "classification:features=32,classes=10",
    "moons|circles",
]
TASKS = [*self_contained(), *MADE]

Check = Callable[[str], None]


@pytest.fixture
def examples() -> Iterator[None]:
    """The examples of plug-ins, forgotten afterwards."""
    plugins.forget_files()
    plugins.load_files(PLUGINS / f"{name}.py" for name in ("rings", "asymmetric", "residual"))
    yield
    plugins.forget_files()


@pytest.mark.parametrize("check", TASK_CHECKS)
@pytest.mark.parametrize("name", TASKS)
def test_a_built_in_task_conforms(name: str, check: Check) -> None:
    check(name)


@pytest.mark.parametrize("check", LOSS_CHECKS)
@pytest.mark.parametrize("name", LOSSES)
def test_a_built_in_loss_conforms(name: str, check: Check) -> None:
    check(name)


SLOW = ("all_cnn_c", "wide_mlp")


@pytest.mark.parametrize(
    "name", [pytest.param(x, marks=pytest.mark.slow) if x in SLOW else x for x in LEARNERS]
)
def test_a_built_in_learner_conforms(name: str) -> None:
    LEARNER_CHECKS[-1](name)


@pytest.mark.parametrize("check", TASK_CHECKS)
@pytest.mark.parametrize("name", ["rings", "iris"])
@pytest.mark.usefixtures("examples")
def test_a_plugged_in_task_conforms(name: str, check: Check) -> None:
    check(name)


@pytest.mark.parametrize("check", LOSS_CHECKS)
@pytest.mark.usefixtures("examples")
def test_a_plugged_in_loss_conforms(check: Check) -> None:
    check("asymmetric")


@pytest.mark.parametrize("check", LEARNER_CHECKS)
@pytest.mark.usefixtures("examples")
def test_a_plugged_in_learner_conforms(check: Check) -> None:
    check("residual")


@pytest.fixture
def named() -> Iterator[Callable[[str], str]]:
    """Registers a network of test_mln.modules and gives its name; forgotten afterwards."""

    def add(factory: str) -> str:
        LEARNERS.add(LearnerEntry(factory, "for this test", factory=getattr(modules, factory)))
        return factory

    yield add
    LEARNERS.forget_added()


@pytest.mark.parametrize("check", LEARNER_CHECKS)
@pytest.mark.parametrize("factory", ["normed", "batch_normed", "Noisy"])
def test_norms_dropout_and_noise_conform(
    factory: str, check: Check, named: Callable[[str], str]
) -> None:
    check(named(factory))


@pytest.mark.parametrize(
    ("factory", "check", "reason"),
    [
        ("Unpaired", learner_is_paired, "more than the learner's seed"),
        ("Mixing", learner_evaluates_examples_alone, "not close"),
        ("Tracing", learner_evaluates_examples_alone, "an evaluation changes seen"),
    ],
)
def test_what_would_spoil_a_comparison_is_found(
    factory: str, check: Check, reason: str, named: Callable[[str], str]
) -> None:
    with pytest.raises(AssertionError, match=reason):
        check(named(factory))
