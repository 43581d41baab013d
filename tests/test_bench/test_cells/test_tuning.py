"""Tuning: equal budgets for all losses, and the chosen parameter is the one that is used."""

from pathlib import Path

import numpy as np
import pytest
from test_bench.tiny import tiny

from bench.catalogue.losses import LOSSES, MIN_GRID_VALUES, LossEntry
from bench.catalogue.metrics import METRICS
from bench.cells.loss_ref import LossRef, reference
from bench.cells.seeds import Purpose
from bench.cells.training import Member, TrainingJob, class_counts, train
from bench.cells.tuning import choose, finer, plans
from bench.errors import InputError
from bench.experiment.checks import load_checked
from bench.experiment.model import Experiment, load
from bench.experiment.sections import TuningSection
from bench.running.runner import Runner
from bench.running.status import RunSummary
from bench.store.schema import cells, choices, grid, tunings
from bench.store.store import Store
from bench.workers.pool import Finished, WorkerPool
from bench.workers.progress import Silent
from mln.config import LossSpec
from mln.task import Split, Task

RATES = (0.001, 0.01, 0.1)


class Here:
    """A pool that works in this process."""

    workers = 1

    def run(self, work, jobs, on_message=None):
        for job in jobs:
            yield Finished(job, work(job), None)


def run(experiment: Experiment, folder: Path) -> tuple[Store, RunSummary]:
    store = Store(f"sqlite:///{folder}/mln.db")
    pool: WorkerPool = Here()  # type: ignore[assignment]
    runner = Runner(experiment, store, folder / "artifacts", pool, Silent())
    counts = runner.run()
    assert runner.errors == []
    return store, counts


def small(parameter_values: int, losses: list[str]) -> Experiment:
    experiment = tiny(
        tasks=["digits+imbalance=10"],
        losses=["ce", "mse", *losses],
        evolved=False,
        seeds=1,
        training={"steps": 5, "batch_size": 8},
    )
    tuning = {**experiment.tuning.model_dump(), "parameter_values": parameter_values}
    return experiment.model_copy(update={"tuning": TuningSection.model_validate(tuning)})


@pytest.mark.parametrize("values", range(1, MIN_GRID_VALUES + 1))
def test_every_loss_is_tried_in_as_many_configurations(values: int) -> None:
    tuning = TuningSection(rates=RATES, parameter_values=values)
    refs = [reference(name, LossSpec()) for name in LOSSES]
    refs.append(LossRef("mln_1", "mln", None, LossSpec(), (0.0,)))
    for ref in refs:
        configurations = {
            (plan.loss.parameter, lr) for plan in plans(tuning, ref) for lr in plan.rates
        }
        assert len(configurations) == values * len(RATES), ref.name
        assert {lr for _, lr in configurations} >= {RATES[0], RATES[-1]}
        tried = {parameter for parameter, _ in configurations}
        assert len(tried) == (values if ref.parameter is not None else 1)
        assert ref.parameter in tried  # the default is always among them


def test_with_one_value_nothing_but_the_rate_is_tuned() -> None:
    gce = reference("gce", LossSpec())
    assert plans(TuningSection(rates=RATES), gce) == [(gce, RATES)]


def test_a_finer_grid_is_geometric_over_the_same_span() -> None:
    grid = finer((0.1, 0.001, 0.01), 3)
    assert (grid[0], grid[-1], len(grid)) == (0.001, 0.1, 9)
    ratios = np.diff(np.log(grid))
    assert ratios == pytest.approx(np.full(8, ratios.mean()), rel=0.01)
    assert finer(RATES, 1) == RATES


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("tuning.parameter_values=0", "parameter_values"),
        ("tuning.parameter_values=6", "parameter_values"),
        ("tuning.rates=[0.1,0.1]", "named twice"),
    ],
)
def test_bad_tuning_is_one_line(override: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load("run", [override])
    with pytest.raises(InputError, match="two or more rates"):
        load("run", ["tuning.rates=[0.1]", "tuning.parameter_values=2"])


def test_a_loss_with_a_parameter_declares_a_grid() -> None:
    with pytest.raises(ValueError, match="declare 5 values"):
        LossEntry("short", "", "", "q", (0.1, 0.2))


def test_choosing_among_rates_and_parameters() -> None:
    def row(lr: float, parameter: float, score: float) -> dict[str, float]:
        return {"lr": lr, "parameter": parameter, "score": score}

    rows = [row(0.1, 0.7, 0.9), row(0.1, 0.2, 0.8), row(0.01, 0.7, 0.2), row(0.01, 0.2, 0.95)]
    assert choose(rows, "accuracy") == (0.01, 0.2, 0.95, 4, 1)
    assert choose(rows, "nll") == (0.01, 0.7, 0.2, 4, 1)
    equal = [row(0.1, 0.7, 0.5), row(0.01, 0.7, 0.5), row(0.01, 0.2, 0.5)]
    assert choose(equal, "accuracy")[:2] == choose(equal, "ece")[:2] == (0.01, 0.7)


def test_rates_are_chosen_by_what_is_reported() -> None:
    assert load("run").tuning.metric == "accuracy"
    assert load("run", ["report.metric=nll"]).tuning.metric == "nll"
    kept = load("run", ["report.metric=nll", "tuning.metric=accuracy"])
    assert (kept.report.metric, kept.tuning.metric) == ("nll", "accuracy")
    with pytest.raises(InputError, match=r"'acuracy' is unknown.*did you mean 'accuracy'"):
        load("run", ["tuning.metric=acuracy"])
    with pytest.raises(InputError, match=r"tuning\.metric 'post_drift_area' needs tasks that"):
        load_checked("run", ["tuning.metric=post_drift_area"])


@pytest.mark.parametrize("metric", ["accuracy", "nll", "ece", "post_drift_area"])
def test_tuning_scores_are_of_its_metric_on_inner_valid(metric: str, tmp_path: Path) -> None:
    task = "digits+imbalance=10+label_drift=0.5"
    experiment = tiny(
        tasks=[task], losses=["ce", "mse"], evolved=False, seeds=1,
        training={"steps": 40, "batch_size": 8},
    )  # fmt: skip
    content = experiment.model_dump(exclude={"tuning", "report"})
    tuning = {"rates": [0.01, 3e38], "seeds": 2}
    content |= {"report": {"metric": metric}, "tuning": tuning, "kernel": "reference"}
    experiment = Experiment.model_validate(content)
    store, _ = run(experiment, tmp_path)
    rows = store.rows(tunings, loss="ce")
    assert len(rows) == 4
    benchmark = experiment.benchmark
    assert benchmark is not None
    members = tuple(Member(row["key"], row["seed"], row["lr"]) for row in rows)
    job = TrainingJob(
        task, reference("ce", LossSpec()), members, experiment.seed, Purpose.TUNE,
        benchmark.learner, benchmark.training, benchmark.curve_points, "reference",
    )  # fmt: skip
    differ = False
    for row, outcome in zip(rows, train(job), strict=True):
        assert row["status"] == outcome.status
        if row["lr"] > 1:
            assert row["status"] == "diverged"
            assert row["score"] == METRICS[metric].worst
        else:
            assert row["score"] == outcome.metrics[metric]
            differ |= row["score"] != outcome.metrics["accuracy"]
    assert differ == (metric != "accuracy")
    (chosen,) = store.rows(choices, loss="ce")
    assert chosen["lr"] == 0.01


def test_another_metric_is_another_tuning(tmp_path: Path) -> None:
    experiment = small(1, [])
    store, _ = run(experiment, tmp_path)
    before = store.rows(tunings)
    other = experiment.tuning.model_copy(update={"metric": "nll"})
    run(experiment.model_copy(update={"tuning": other}), tmp_path)
    assert len(store.rows(tunings)) == 2 * len(before)


def test_the_chosen_parameter_is_the_one_of_the_cells(tmp_path: Path) -> None:
    experiment = small(3, ["gce", "logit_adjusted"])
    store, counts = run(experiment, tmp_path)
    assert counts == RunSummary(done=8, diverged=0, failed=0, missing=0)
    made = {row["loss"]: row for row in store.rows(choices)}
    assert {row["configurations"] for row in made.values()} == {6}
    assert made["ce"]["parameter"] is None
    assert len(store.rows(tunings)) == 4 * 6 * 2

    # Whatever tuning finds best, the tuned cells use it and the common ones the default.
    with store.transaction() as connection:
        wanted = tunings.c.parameter.in_([0.9, 0.5]) & (tunings.c.lr == 0.1)
        connection.execute(tunings.update().where(wanted).values(score=2.0))
    run(experiment, tmp_path)
    by_key = {row["key"]: row for row in store.rows(cells)}
    used = {
        (row["loss"], row["policy"]): by_key[row["cell"]]
        for row in store.rows(grid, fingerprint=experiment.fingerprint())
    }
    for loss, tuned, default in (("gce", 0.9, 0.7), ("logit_adjusted", 0.5, 1.0)):
        chosen = {row["loss"]: row for row in store.rows(choices)}[loss]
        assert (chosen["lr"], chosen["parameter"]) == (0.1, tuned)
        cell, common = used[loss, "tuned"], used[loss, "common"]
        assert (cell["lr"], cell["parameter"]) == (0.1, tuned)
        assert (common["lr"], common["parameter"]) == (0.01, default)
        assert cell["key"] != common["key"]


def test_a_learner_trains_under_its_own_parameter_and_another_key() -> None:
    experiment = tiny()
    benchmark = experiment.benchmark
    assert benchmark is not None

    def nll(name: str, parameter: float) -> float | None:
        loss = LossRef(name, name, parameter)
        members = (Member("k", 0, 0.1),)
        job = TrainingJob(
            "digits+imbalance=10",
            loss,
            members,
            5,
            Purpose.TEST,
            benchmark.learner,
            benchmark.training,
            4,
            "analytic",
        )
        (outcome,) = train(job)
        return outcome.metrics["nll"]

    for name in ("focal", "logit_adjusted"):
        default = reference(name, LossSpec()).identity()
        assert LossRef(name, name, 0.25).identity() != default
        assert nll(name, 0.25) != nll(name, 2.0)


def test_class_counts_are_those_of_the_training_labels() -> None:
    def split(*labels: int) -> Split:
        return Split(np.zeros((len(labels), 2), np.float32), np.array(labels))

    tasks = [
        Task("a", 2, 3, split(0, 0, 2), split(1, 1), split(1)),
        Task("b", 2, 3, split(1, 2, 2, 2), split(0), split(0)),
    ]
    assert class_counts(tasks).tolist() == [[2, 0, 1], [0, 1, 3]]
    with pytest.raises(ValueError, match="needs the class counts"):
        reference("class_balanced", LossSpec()).stacked(2, 3, "cpu")
