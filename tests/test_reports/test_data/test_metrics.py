"""A metric is one record: what is added to the table is seen everywhere."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from test_reports.simulated import simulated

from bench.catalogue import metrics
from bench.catalogue.metrics import METRICS, Measured, Metric, MetricUnit
from bench.cells.loss_ref import reference
from bench.cells.training import Member, TrainingJob, train
from bench.experiment.sections import ReportSection
from bench.store import schema
from mln.config import LearnerSpec, LossSpec, TrainingSpec
from reports.benchmark.comparisons import compare
from reports.benchmark.report import render
from reports.data.load import load
from reports.data.metrics import aspect_of, comparable_metric, rules_for, title_of, worst_of
from reports.data.search import study
from reports.page.wording import unit_of

WOBBLE = Metric(
    "wobble",
    "how much the curve wobbles",
    "largest step back of test accuracy along the learning curve",
    lambda measured: float(-np.diff(measured.accuracy, prepend=0.0).min()),
    "convergence",
    "minimise",
    high=None,
    worst=2.0,
    rope=0.02,
    unit=MetricUnit(1000.0, 1, "wobbles", "mW"),
)


@pytest.fixture
def wobble(monkeypatch):
    monkeypatch.setitem(METRICS, WOBBLE.name, WOBBLE)
    return WOBBLE


def test_training_measures_it_on_both_splits(wobble):
    members = (Member("a", 0, 0.01), Member("b", 0, 1e30))
    job = TrainingJob(
        "moons", "unit", reference("ce", LossSpec()), members, 5, LearnerSpec(hidden=(8,)),
        TrainingSpec(steps=20, batch_size=16), 4, "analytic",
    )  # fmt: skip
    done, diverged = train(job)
    assert done.status == "done"
    assert {"wobble"} <= set(done.metrics) & set(done.inner)
    assert done.metrics["wobble"] != done.inner["wobble"]
    assert done.metrics["wobble"] == WOBBLE.compute(_measured(done.curve["accuracy"]))
    assert diverged.status == "diverged"


def _measured(accuracy):
    return SimpleNamespace(accuracy=np.array(accuracy))


def test_tuning_chooses_by_it_and_a_diverged_learner_has_its_worst(wobble, tmp_path):
    report = {"baselines": ["ce"]}
    store, experiment = simulated(
        tmp_path / "a.db", tasks=("moons",), losses=("ce", "mse"), runs=0, seeds=6, report=report,
        diverged={("moons", "ce", 0, 0.003)},
    )  # fmt: skip
    # By wobble, which is minimised, the higher rate is the better one.
    rows = [
        row | {"inner": {"wobble": 0.003 / row["lr"], "accuracy": -row["lr"]}}
        for row in store.rows(schema.cells)
    ]
    store.put(schema.cells, rows, replace=True)
    tuning = experiment.tuning.model_copy(update={"metric": "wobble"})
    chosen_by_wobble = experiment.model_copy(update={"tuning": tuning})
    units = store.rows(schema.units)
    fingerprint = chosen_by_wobble.fingerprint()
    store.put(schema.units, [row | {"fingerprint": fingerprint} for row in units])
    data = load(store, chosen_by_wobble)
    assert set(data.rows[data.rows["policy"] == "per_seed"]["lr"]) == {0.03}
    [lost] = data.configurations[data.configurations["status"] == "diverged"]["inner"]
    assert lost == 2.0
    by_accuracy = load(store, experiment).rows
    own = by_accuracy[(by_accuracy["policy"] == "per_seed") & (by_accuracy["loss"] == "mse")]
    assert set(own["lr"]) == {0.003}


def test_an_experiment_may_declare_it(wobble):
    report = ReportSection(metric="wobble", direction="minimise", worst=2.0)
    assert report.metric == "wobble"
    with pytest.raises(ValidationError, match="needs direction = 'minimise'"):
        ReportSection(metric="wobble")


def test_without_a_record_nothing_knows_it():
    with pytest.raises(ValidationError, match="metric 'wobble' is unknown"):
        ReportSection(metric="wobble")
    assert comparable_metric("wobble") is None
    assert unit_of("wobble").difference == "in units of wobble"
    assert title_of("wobble_share") == "wobble share"


def test_reports_compare_it_and_show_it_in_its_unit(wobble, tmp_path):
    store, experiment = simulated(
        tmp_path / "a.db", tasks=("moons",), losses=("ce", "mse"), runs=1, seeds=8
    )
    rows = store.rows(schema.cells)
    wobbling = [row | {"metrics": row["metrics"] | {"wobble": 0.25}} for row in rows]
    store.put(schema.cells, wobbling, replace=True)
    data = load(store, experiment)
    items = [item for item in compare(data) if item.metric == "wobble"]
    assert {(item.direction, item.rope, item.aspect) for item in items} == {
        ("minimise", 0.02, "convergence")
    }
    report = render(data, tmp_path / "out")
    page = report.paths.html.read_text()
    assert "How much the curve wobbles" in page
    assert "difference (wobbles)" in page
    assert (report.paths.directory / "tables" / "convergence_wobble.csv").exists()


def test_what_is_declared_of_times_scales_with_the_budget():
    report = ReportSection()
    rules = rules_for("steps_to_ce", report, 500)
    assert rules is not None
    assert (rules.direction, rules.rope) == ("minimise", 25)
    assert worst_of("steps_to_ce", report, 500) == 500
    assert aspect_of("steps_to_ce") == "convergence"
    assert unit_of("steps_to_ce").difference == "steps"


def test_validation_scores_are_never_compared():
    assert comparable_metric("inner_accuracy") is None
    assert unit_of("inner_accuracy") == unit_of("accuracy")


def test_every_record_names_itself_and_lies_within_its_range():
    for name, metric in (metrics.METRICS | metrics.DERIVED).items():
        assert metric.name == name
        assert metric.low <= metric.worst
        assert metric.high is None or metric.worst <= metric.high
        assert (metric.compute is None) == (name in metrics.DERIVED)


def test_only_tasks_that_drift_have_the_scores_of_a_drift():
    line = np.linspace(0.5, 0.9, 4)
    points = np.array([5, 10, 15, 20])
    measured = Measured(20, points, np.full(4, True), line, line, 1 - line, line, 1 - line)
    assert set(metrics.scores(measured)) == {name for name, m in METRICS.items() if not m.drift}
    with pytest.raises(ValueError, match="the task does not drift"):
        metrics.recovery_steps(measured)


def test_equal_importances_stand_in_the_order_of_their_names(tmp_path):
    shares = {"sigma": 0.25, "mode": 0.5, "population": 0.25}
    orders = []
    for place, names in enumerate((list(shares), list(shares)[::-1])):
        store, _ = simulated(
            tmp_path / f"{place}.db", tasks=("moons",), losses=("ce", "mse"), seeds=1
        )
        stored = [{"study": "s", "values": {name: shares[name] for name in names}}]
        store.put(schema.importances, stored)
        orders.append(study(store, "s")[2])
    pd.testing.assert_frame_equal(*orders)
    assert list(orders[0]["name"]) == ["mode", "population", "sigma"]
