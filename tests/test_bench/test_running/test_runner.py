"""The runner: exactly what is missing, the same bits always, nothing dropped."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_bench.tiny import TINY, tiny

from bench.catalogue.losses import LOSSES
from bench.catalogue.metrics import METRICS
from bench.cells.loss_ref import LossRef, reference
from bench.cells.seeds import Purpose, seed_for
from bench.cells.training import Member, TrainingJob, train
from bench.cells.tuning import choose
from bench.errors import InputError
from bench.experiment.model import Experiment
from bench.running.runner import Runner
from bench.running.status import RunSummary, summary
from bench.store.schema import cells, choices, evolutions, grid, learners, tunings
from bench.store.store import Store
from bench.tasks.resolve import TaskRef
from bench.workers.pool import Finished, WorkerPool
from bench.workers.progress import Silent
from mln import MetaLoss
from mln.config import LossSpec, TrainingSpec
from mln.task import TaskSource


class Counting(Silent):
    """Notes the phases that had work."""

    def __init__(self) -> None:
        self.phases: list[str] = []

    def phase(self, name: str, total: int, done: int = 0) -> None:
        self.phases.append(name)


def run(experiment: Experiment, folder: Path, workers: int) -> tuple[Store, RunSummary, list[str]]:
    store = Store(f"sqlite:///{folder}/mln.db")
    counting = Counting()
    with WorkerPool(workers) as pool:
        runner = Runner(experiment, store, folder / "artifacts", pool, counting)
        counts = runner.run()
    assert runner.errors == []
    return store, counts, counting.phases


def results(store: Store) -> list[Any]:
    """Everything measured, without what describes the machine and the time."""
    kept = []
    for table in (evolutions, tunings, choices, cells, grid):
        for row in store.rows(table):
            for name in ("provenance", "seconds"):
                row.pop(name, None)
            kept.append(row)
    return kept


def test_the_learners_of_a_coevolution_are_measured_once(tmp_path: Path) -> None:
    section = TINY["evolution"]
    settings = section["settings"] | {"coevolution": "persistent"}
    experiment = Experiment.model_validate(
        tiny(tasks=["spirals"], losses=["ce", "mse"], seeds=2).model_dump()
        | {"evolution": section | {"settings": settings, "runs": 1}}
    )
    store, _, _ = run(experiment, tmp_path, workers=1)
    (stored,) = store.rows(learners)
    with WorkerPool(1) as pool:
        runner = Runner(experiment, store, tmp_path / "artifacts", pool, Counting())
        (row,) = runner.learner_rows()
        before = (tmp_path / "artifacts" / "learners").iterdir()
        for file in before:
            file.write_bytes(b"not looked at again")
        runner.run()
    assert store.rows(learners) == [stored]
    assert runner.errors == []
    gains = [score["accuracy"] - score["accuracy_ce"] for score in stored["scores"]]
    assert (row["loss"], row["learners"]) == ("mln_1", 2)
    assert row["gain"] == pytest.approx(np.mean(gains))
    assert row["half_width"] == pytest.approx(12.706 * np.std(gains, ddof=1) / 2**0.5, rel=1e-4)


def test_a_run_does_what_is_missing_and_depends_on_nothing_else(tmp_path: Path) -> None:
    whole, counts, phases = run(tiny(), tmp_path / "whole", workers=2)
    assert counts == RunSummary(done=2 * 2 * 6 * 6, diverged=0, failed=0, missing=0)
    assert len(phases) == 3
    _, again, phases = run(tiny(), tmp_path / "whole", workers=2)
    assert again == counts
    assert phases == []

    # In pieces: fewer tasks, losses and seeds first, and one worker.
    folder = tmp_path / "pieces"
    run(tiny(tasks=["spirals"], losses=["mse", "ce"], seeds=1), folder, workers=1)
    pieces, counts_in_pieces, _ = run(tiny(), folder, workers=1)
    assert counts_in_pieces == counts
    everything = [
        row for row in results(pieces) if row.get("fingerprint") in (None, tiny().fingerprint())
    ]
    assert everything == results(whole)

    row = whole.rows(evolutions)[0]
    for evolution in whole.rows(evolutions):
        phases = {generation["phase"] for generation in evolution["history"]}
        assert (evolution["handover"] is not None) == (phases == {"ga", "es"})
    files = sorted((tmp_path / "whole" / "artifacts" / "losses").iterdir())
    assert len(files) == 2
    loss = MetaLoss.load(next(file for file in files if row["loss"] in file.name))
    assert loss.genome.tolist() == row["genome"]
    assert loss.provenance["experiment"] == "tiny"


def test_a_lost_cell_is_trained_again_to_the_same_bits(tmp_path: Path) -> None:
    experiment = tiny(tasks=["spirals"], losses=["ce", "mse"], evolved=False, seeds=3)
    store, _, _ = run(experiment, tmp_path, workers=1)
    before = results(store)
    with store.transaction() as connection:
        connection.execute(cells.delete().where(cells.c.seed == 1))
    assert summary(experiment, store).missing == 2 * 2
    _, counts, phases = run(experiment, tmp_path, workers=1)
    assert phases == ["benchmark"]
    assert counts.missing == 0
    assert results(store) == before


def test_a_diverged_cell_is_done_and_a_failed_one_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WorkerPool, "run", run_here)
    experiment = tiny(
        tasks=["spirals"],
        losses=["ce", "mse"],
        evolved=False,
        seeds=2,
        training={"steps": 20, "batch_size": 8, "optimizer": "sgd"},
    )
    experiment = experiment.model_copy(
        update={"tuning": experiment.tuning.model_copy(update={"common_rate": 1e30})}
    )
    _, counts, _ = run(experiment, tmp_path, workers=1)
    assert counts == RunSummary(done=4, diverged=4, failed=0, missing=0)
    store = Store(f"sqlite:///{tmp_path}/mln.db")
    diverged = store.rows(cells, status="diverged")[0]
    assert diverged["metrics"]["accuracy"] is None
    assert "not finite at step" in diverged["detail"]

    with store.transaction() as connection:
        connection.execute(cells.update().values(status="failed").where(cells.c.seed == 0))
    assert summary(experiment, store).failed == 4
    _, counts, _ = run(experiment, tmp_path, workers=1)
    assert counts.failed == 0


def run_here(_pool, work, jobs, on_message=None):
    """The pool's results without its processes."""
    for job in jobs:
        yield Finished(job, work(job), None)


def job(purpose: Purpose, loss: LossRef, count: int = 2) -> TrainingJob:
    benchmark = tiny().benchmark
    assert benchmark is not None
    members = tuple(Member(f"k{seed}", seed, 0.01) for seed in range(count))
    return TrainingJob(
        "digits", loss, members, 5, purpose, benchmark.learner, benchmark.training, 4, "analytic"
    )


def test_the_test_split_is_drawn_for_the_benchmark_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[bool] = []
    original = TaskRef.source

    def source(self: TaskRef, *, test: bool) -> TaskSource:
        drawn.append(test)
        return original(self, test=test)

    monkeypatch.setattr(TaskRef, "source", source)
    ce = reference("ce", LossSpec())
    tuned = train(job(Purpose.TUNE, ce))
    tested = train(job(Purpose.TEST, ce))
    assert drawn == [False, True]
    measured = {name for name, of in METRICS.items() if not of.drift}
    assert set(tuned[0].metrics) == set(tested[0].metrics) == measured
    assert tuned[0].metrics["accuracy"] == tuned[0].metrics["inner_accuracy"]


def test_a_learner_that_diverges_in_its_last_step_has_diverged() -> None:
    last = replace(
        job(Purpose.TEST, reference("ce", LossSpec()), count=1),
        members=(Member("k", 0, 3e38),),
        training=TrainingSpec(steps=1, batch_size=8, optimizer="sgd"),
    )
    (outcome,) = train(last)
    assert outcome.status == "diverged"
    assert outcome.detail == "logits not finite after the last step"


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
        (outcome,) = train(job(Purpose.TEST, reference(name, LossSpec()), count=1))
        assert outcome.status == "done"
        accuracy = outcome.metrics["accuracy"]
        assert accuracy is not None
        assert 0 <= accuracy <= 1


def test_an_unknown_loss_names_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'gce'"):
        reference("gcee", LossSpec())


def test_tuning_takes_the_best_mean_and_the_smaller_rate_of_equals() -> None:
    def rows(scores: dict[float, list[float]]) -> list[dict[str, float]]:
        return [
            {"lr": lr, "parameter": None, "score": s}
            for lr, values in scores.items()
            for s in values
        ]

    assert choose(rows({0.1: [0.9, 0.1], 0.01: [0.6, 0.6]}), "accuracy").lr == 0.01
    choice = choose(rows({0.1: [0.5, 0.5], 0.01: [0.5, 0.5]}), "accuracy")
    assert choice == (0.01, None, 0.5, 2, 2)
