"""The runner: exactly what is missing, the same bits always, nothing dropped."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_bench.running_here import Here, results, run_here
from test_bench.tiny import TINY, hand_made, tiny

from bench.catalogue.losses import LOSSES
from bench.cells.tuning import finer as finer_grid
from bench.experiment.model import Experiment
from bench.experiment.sections import TuningSection
from bench.keys import digest
from bench.running.runner import Runner
from bench.running.status import RunSummary, summary
from bench.store.schema import cells, evolutions, learners, units
from bench.store.store import Store
from bench.workers.pool import Finished, WorkerPool
from bench.workers.progress import Silent
from mln import MetaLoss

THREE = ["ce", "mse", "gce"]
OWN = {"ce": None, "mse": None, "gce": 0.7}
"""Three losses with their own parameters."""


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


def tuned(experiment: Experiment, **changes: Any) -> Experiment:
    """The experiment with another tuning."""
    tuning = TuningSection.model_validate({**experiment.tuning.model_dump(), **changes})
    return experiment.model_copy(update={"tuning": tuning})


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
    assert counts == RunSummary(done=2 * 6 * 6 * 2, diverged=0, failed=0, missing=0)
    assert phases == ["evolve 2 losses", "benchmark"]
    _, again, phases = run(tiny(), tmp_path / "whole", workers=2)
    assert again == counts
    assert phases == []

    # In pieces, fewer tasks, losses and seeds first, and without worker processes.
    folder = tmp_path / "pieces"
    run_here(tiny(tasks=["spirals"], losses=["mse", "ce"], seeds=1), folder)
    pieces, counts_in_pieces = run_here(tiny(), folder)
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
    store, _ = run_here(hand_made(), tmp_path)
    before = results(store)
    lost = (cells.c.seed == 1) | (cells.c.lr == 0.1) & (cells.c.loss == "mse")
    with store.transaction() as connection:
        connection.execute(cells.delete().where(lost))
    assert summary(hand_made(), store) == RunSummary(done=6, diverged=0, failed=0, missing=6)
    pool = Here()
    _, counts = run_here(hand_made(), tmp_path, pool)
    assert sorted(pool.cells) == sorted(
        ("spirals", loss, seed, lr, None)
        for loss, seed, lr in (
            *(("ce", 1, lr) for lr in (0.01, 0.1)),
            *(("mse", 1, lr) for lr in (0.01, 0.1)),
            *(("mse", seed, 0.1) for seed in (0, 2)),
        )
    )
    assert counts.missing == 0
    assert results(store) == before


def test_more_rates_seeds_and_values_train_what_is_new_alone(tmp_path: Path) -> None:
    first = hand_made(losses=THREE)
    store, _ = run_here(first, tmp_path)
    before = {row["key"]: row for row in store.rows(cells)}

    def new(experiment: Experiment) -> list[tuple[str, int, float, float | None]]:
        pool = Here()
        _, counts = run_here(experiment, tmp_path, pool)
        assert counts.missing == counts.failed == 0
        return sorted((loss, *of) for _, loss, *of in pool.cells)  # type: ignore[misc]

    rates = tuned(first, rates=[0.1, 0.03, 0.01])
    assert new(rates) == sorted(
        (loss, seed, 0.03, parameter) for loss, parameter in OWN.items() for seed in range(3)
    )
    assert new(tuned(first, common_rate=0.05, rates=[0.01])) == sorted(
        (loss, seed, 0.05, parameter) for loss, parameter in OWN.items() for seed in range(3)
    )
    assert new(hand_made(losses=THREE, seeds=4)) == sorted(
        (loss, 3, lr, parameter) for loss, parameter in OWN.items() for lr in (0.01, 0.1)
    )
    finer, value = finer_grid([0.01, 0.1], 2)[1:-1], LOSSES.get("gce").grid[1]
    assert new(tuned(first, parameter_values=2)) == sorted(
        [
            *(
                (loss, seed, lr, None)
                for loss in ("ce", "mse")
                for lr in finer
                for seed in range(3)
            ),
            *(("gce", seed, lr, value) for lr in (0.01, 0.1) for seed in range(3)),
        ]
    )
    assert new(first) == []
    after = {row["key"]: row for row in store.rows(cells)}
    assert {key: after[key] for key in before} == before


def test_a_key_is_the_units_with_parameter_rate_and_seed(tmp_path: Path) -> None:
    store, _ = run_here(hand_made(losses=THREE), tmp_path)
    rows = store.rows(cells)
    assert len(rows) == 3 * 3 * 2
    for row in rows:
        names = ("unit", "parameter", "seed", "lr")
        assert row["key"] == digest({name: row[name] for name in names})
    of_losses = {row["loss"]: row["unit"] for row in store.rows(units)}
    assert {(row["loss"], row["unit"]) for row in rows} == set(of_losses.items())
    assert len(set(of_losses.values())) == 3


def test_a_unit_is_what_all_its_cells_share(tmp_path: Path) -> None:
    def digests(experiment: Experiment) -> set[str]:
        unused: Any = None
        benchmark = experiment.benchmark
        assert benchmark is not None
        runner = Runner(experiment, unused, tmp_path, unused, Silent())
        return {runner._unit(trainee).digest for trainee in runner._trainees(benchmark, [])}

    plain = digests(hand_made())
    same = [
        hand_made(seeds=9),
        tuned(hand_made(), rates=[0.5], common_rate=0.2, metric="nll"),
        hand_made().model_copy(update={"name": "another", "description": "words"}),
    ]
    assert [digests(experiment) for experiment in same] == [plain] * 3
    others = [
        hand_made(tasks=["moons"]),
        hand_made(losses=["mae", "gce", "ce", "mse"]),
        hand_made(learner={"hidden": [5]}),
        hand_made(training={"steps": 21, "batch_size": 8}),
        hand_made(curve_points=5),
        hand_made().model_copy(update={"seed": 6}),
    ]
    every = [plain, *map(digests, others)]
    assert [len(of) for of in every] == [2, 2, 4, 2, 2, 2, 2]
    assert len(set.union(*every)) == 2 * 6 + 2  # two of the four are the first two


def test_a_diverged_cell_is_done_and_a_failed_one_is_tried_again(tmp_path: Path) -> None:
    training = {"steps": 20, "batch_size": 8, "optimizer": "sgd"}
    experiment = tuned(hand_made(training=training), common_rate=1e30)
    store, counts = run_here(experiment, tmp_path)
    assert counts == RunSummary(done=12, diverged=6, failed=0, missing=0)
    diverged = store.rows(cells, status="diverged")[0]
    assert diverged["lr"] == 1e30
    assert diverged["metrics"]["accuracy"] is diverged["inner"]["accuracy"] is None
    assert "not finite at step" in diverged["detail"]

    before = results(store)
    with store.transaction() as connection:
        connection.execute(cells.update().values(status="failed").where(cells.c.seed == 0))
    assert summary(experiment, store).failed == 6
    pool = Here()
    _, counts = run_here(experiment, tmp_path, pool)
    assert {seed for _, _, seed, _, _ in pool.cells} == {0}
    assert counts.failed == 0
    assert results(store) == before


class Failing(Here):
    """A pool that loses all jobs under one loss."""

    def finish(self, work: Any, job: Any) -> Finished[Any, Any]:
        if job.loss.name == "mse":
            return Finished(job, None, RuntimeError("lost " * 200))
        return super().finish(work, job)


def test_jobs_that_fail_are_stored_as_failed_and_replaced(tmp_path: Path) -> None:
    whole, _ = run_here(hand_made(), tmp_path / "whole")
    store, counts = run_here(hand_made(), tmp_path / "failing", Failing(), errors=1)
    assert counts == RunSummary(done=6, diverged=0, failed=6, missing=0)
    for row in store.rows(cells, status="failed"):
        assert row["loss"] == "mse"
        assert row["detail"].startswith("RuntimeError: lost lost")
        assert len(row["detail"]) == 500
        assert row["metrics"] == row["inner"] == row["curve"] == {}
    pool = Here()
    _, counts = run_here(hand_made(), tmp_path / "failing", pool)
    assert counts == RunSummary(done=12, diverged=0, failed=0, missing=0)
    assert {loss for _, loss, *_ in pool.cells} == {"mse"}
    assert results(store) == results(whole)


def test_results_do_not_depend_on_how_jobs_are_divided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = tuned(hand_made(losses=THREE), parameter_values=2)
    few = Here(workers=1)
    store, _ = run_here(experiment, tmp_path / "whole", few)
    many = Here(workers=50)
    monkeypatch.setattr("bench.running.spreading.MAX_MEMBER_STEPS", 30)
    parts, _ = run_here(experiment, tmp_path / "parts", many)
    assert len(few.jobs) == 4  # one for each value of a parameter
    assert len(many.jobs) == 4 * 3  # one for each seed of each
    assert sorted(map(str, few.cells)) == sorted(map(str, many.cells))
    assert results(parts) == results(store) != []

    # Rates one at a time: a learner's neighbours in its job do not matter either.
    for rates in ([0.1], [0.01, 0.1]):
        run_here(tuned(experiment, parameter_values=1, rates=rates), tmp_path / "single")
    singly, _ = run_here(experiment, tmp_path / "single")
    own = {row["key"] for row in store.rows(cells)}
    assert [row for row in results(singly) if row.get("key") in own] == [
        row for row in results(store) if "key" in row
    ]
