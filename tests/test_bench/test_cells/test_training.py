"""Training: what decides a cell's numbers, and what is measured on which split."""

from dataclasses import replace

import numpy as np
import pytest
from test_bench.tiny import tiny

from bench.catalogue.losses import LOSSES
from bench.catalogue.metrics import METRICS
from bench.cells.loss_ref import LossRef, reference
from bench.cells.seeds import Purpose, seed_for
from bench.cells.training import Member, Outcome, TrainingJob, _as_counted, train
from bench.errors import InputError
from bench.tasks.resolve import TaskRef
from mln.config import LossSpec, TrainingSpec
from mln.task import Split, Task, TaskSource

DRIFTING = "digits+imbalance=10+label_drift=0.5"


def job(loss: LossRef, count: int = 2, task: str = "digits") -> TrainingJob:
    benchmark = tiny().benchmark
    assert benchmark is not None
    members = tuple(Member(f"k{seed}", seed, 0.01) for seed in range(count))
    return TrainingJob(
        task, "unit", loss, members, 5, benchmark.learner, benchmark.training, 4, "analytic"
    )


def cross_entropy(task: str) -> TrainingJob:
    longer = TrainingSpec(steps=40, batch_size=8)
    return replace(job(reference("ce", LossSpec()), task=task), training=longer, kernel="reference")


@pytest.mark.parametrize("task", ["digits", DRIFTING])
def test_the_same_metrics_are_measured_on_test_and_on_inner_valid(task: str) -> None:
    drifts = task == DRIFTING
    for outcome in train(cross_entropy(task)):
        names = {name for name, of in METRICS.items() if drifts or not of.drift}
        assert set(outcome.metrics) == set(outcome.inner) == names
        assert outcome.inner["accuracy"] == outcome.metrics["inner_accuracy"]
        assert outcome.inner["accuracy"] != outcome.metrics["accuracy"]
        assert outcome.inner["nll"] != outcome.metrics["nll"]
        # The curve is that of test: what it ends with is what is reported.
        assert outcome.curve["accuracy"][-1] == outcome.metrics["accuracy"]


@pytest.mark.parametrize("task", ["digits", DRIFTING])
def test_what_policies_see_does_not_depend_on_the_test_split(
    task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = train(cross_entropy(task))
    changed = with_splits(monkeypatch, "test", cross_entropy(task))
    for before, after in zip(honest, changed, strict=True):
        assert after.inner == before.inner
        assert after.metrics["nll"] != before.metrics["nll"]
    changed = with_splits(monkeypatch, "inner_valid", cross_entropy(task))
    for before, after in zip(honest, changed, strict=True):
        assert after.inner["nll"] != before.inner["nll"]
        assert after.metrics["nll"] == before.metrics["nll"]


def shuffled(task: Task, split: str) -> Task:
    """The task, and what it drifts into, with the labels of a split in another order."""
    own: Split = getattr(task, split)
    y = np.random.default_rng(1).permutation(own.y)
    after = task.drift and replace(task.drift, after=shuffled(task.drift.after, split))
    return replace(task, drift=after, **{split: own._replace(y=y)})


def with_splits(monkeypatch: pytest.MonkeyPatch, split: str, of: TrainingJob) -> list[Outcome]:
    """Outcomes where the labels of a split are shuffled."""
    original = TaskRef.source

    def source(self: TaskRef, *, test: bool) -> TaskSource:
        draw = original(self, test=test)

        return lambda seed: shuffled(draw(seed), split)

    with monkeypatch.context() as patched:
        patched.setattr(TaskRef, "source", source)
        return train(of)


def test_a_learner_that_diverges_in_its_last_step_has_diverged() -> None:
    last = replace(
        job(reference("ce", LossSpec()), count=1),
        members=(Member("k", 0, 3e38),),
        training=TrainingSpec(steps=1, batch_size=8, optimizer="sgd"),
    )
    (outcome,) = train(last)
    assert outcome.status == "diverged"
    assert outcome.detail == "logits not finite after the last step"
    assert outcome.inner["nll"] is None


def test_purposes_never_share_a_seed() -> None:
    states = {
        tuple(seed_for(root, purpose, index).generate_state(4))
        for root in range(3)
        for purpose in Purpose
        for index in range(50)
    }
    assert len(states) == 3 * len(Purpose) * 50


def test_every_registered_loss_trains() -> None:
    for name in LOSSES:
        (outcome,) = train(job(reference(name, LossSpec()), count=1))
        assert outcome.status == "done"
        accuracy = outcome.metrics["accuracy"]
        assert accuracy is not None
        assert 0 <= accuracy <= 1


def test_an_unknown_loss_names_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'gce'"):
        reference("gcee", LossSpec())


def test_accuracies_are_the_shares_that_were_counted() -> None:
    counts = np.arange(361)
    assert (_as_counted((counts / 360).astype(np.float32), 360) == counts / 360).all()
    between = np.array([0.1234, np.nan], dtype=np.float32)  # as while a drift goes on
    assert np.array_equal(_as_counted(between, 360), between.astype(float), equal_nan=True)
