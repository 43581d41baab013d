"""Tuning: equal budgets for all losses, and each cell is trained under its own configuration."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_bench.running_here import run_here
from test_bench.tiny import tiny

from bench.catalogue.losses import LOSSES, MIN_GRID_VALUES, LossEntry
from bench.cells.loss_ref import LossRef, reference
from bench.cells.training import Member, TrainingJob, class_counts, train
from bench.cells.tuning import configurations, finer
from bench.errors import InputError
from bench.experiment.checks import load_checked
from bench.experiment.model import Experiment, load
from bench.experiment.sections import TuningSection
from bench.running.status import RunSummary
from bench.store.schema import cells, units
from mln.config import LossSpec
from mln.task import Split, Task

RATES = (0.001, 0.01, 0.1)


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


def every_loss() -> list[LossRef]:
    refs = [reference(name, LossSpec()) for name in LOSSES]
    return [*refs, LossRef("mln_1", "mln", None, LossSpec(), (0.0,))]


@pytest.mark.parametrize("values", range(1, MIN_GRID_VALUES + 1))
@pytest.mark.parametrize("common_rate", [0.01, 0.004])
def test_every_loss_is_tuned_over_as_many_configurations(values: int, common_rate: float) -> None:
    tuning = TuningSection(rates=RATES, parameter_values=values, common_rate=common_rate)
    for ref in every_loss():
        trained = configurations(tuning, ref)
        tuned = [(each.lr, each.parameter) for each in trained if each.is_tuned]
        assert len(set(tuned)) == len(tuned) == values * len(RATES), ref.name
        assert {lr for lr, _ in tuned} >= {RATES[0], RATES[-1]}
        tried = {parameter for _, parameter in tuned}
        assert len(tried) == (values if ref.parameter is not None else 1)
        assert ref.parameter in tried  # the default is always among them

        # The declared configuration is trained once, whether tuning tries it or not.
        common = [each for each in trained if each.is_common]
        assert [(each.lr, each.parameter) for each in common] == [(common_rate, ref.parameter)]
        assert common[0].is_tuned == ((common_rate, ref.parameter) in tuned)
        assert len(trained) == len(tuned) + (not common[0].is_tuned)


def test_with_one_value_nothing_but_the_rate_is_tuned() -> None:
    gce = reference("gce", LossSpec())
    tuning = TuningSection(rates=RATES, common_rate=0.01)
    assert configurations(tuning, gce) == [
        (0.001, 0.7, True, False),
        (0.01, 0.7, True, True),
        (0.1, 0.7, True, False),
    ]


def test_ties_go_to_the_smaller_rate_and_then_to_the_first_parameter() -> None:
    gce = reference("gce", LossSpec())
    tuning = TuningSection(rates=(0.1, 0.001), parameter_values=2, common_rate=0.02)
    first, second = LOSSES.get("gce").grid[:2]
    assert configurations(tuning, gce) == [
        (0.001, first, True, False),
        (0.001, second, True, False),
        (0.1, first, True, False),
        (0.1, second, True, False),
        (0.02, first, False, True),
    ]


@given(st.permutations([0.0003, 0.001, 0.01, 0.3]), st.integers(1, MIN_GRID_VALUES))
def test_the_order_in_which_rates_are_written_changes_nothing(
    rates: list[float], values: int
) -> None:
    def of(written: list[float], loss: str) -> list[tuple[object, ...]]:
        tuning = TuningSection(rates=tuple(written), parameter_values=values)
        return list(configurations(tuning, reference(loss, LossSpec())))

    for loss in ("ce", "gce"):
        assert of(rates, loss) == of(sorted(rates), loss)


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
        ("tuning.seeds=3", "each seed of the benchmark; delete the key"),
    ],
)
def test_bad_tuning_is_one_line(override: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load("quickstart", [override])
    with pytest.raises(InputError, match="two or more rates"):
        load("quickstart", ["tuning.rates=[0.1]", "tuning.parameter_values=2"])


def test_a_loss_with_a_parameter_declares_a_grid() -> None:
    with pytest.raises(ValueError, match="declare 5 values"):
        LossEntry("short", "", "", "q", (0.1, 0.2))


def test_rates_are_chosen_by_what_is_reported() -> None:
    assert load("quickstart").tuning.metric == "accuracy"
    assert load("quickstart", ["report.metric=nll"]).tuning.metric == "nll"
    kept = load("quickstart", ["report.metric=nll", "tuning.metric=accuracy"])
    assert (kept.report.metric, kept.tuning.metric) == ("nll", "accuracy")
    with pytest.raises(InputError, match=r"'acuracy' is unknown.*did you mean 'accuracy'"):
        load("quickstart", ["tuning.metric=acuracy"])
    with pytest.raises(InputError, match=r"tuning\.metric 'post_drift_area' needs tasks that"):
        load_checked("quickstart", ["tuning.metric=post_drift_area"])


@pytest.mark.parametrize("metric", ["nll", "accuracy"])
def test_the_metric_of_tuning_is_no_part_of_a_cell(metric: str, tmp_path: Path) -> None:
    experiment = small(1, [])
    store, counts = run_here(experiment, tmp_path)
    before = store.rows(cells)
    assert counts.total == len(before) == 4
    other = experiment.tuning.model_copy(update={"metric": metric})
    store, counts = run_here(experiment.model_copy(update={"tuning": other}), tmp_path)
    assert counts == RunSummary(done=4, diverged=0, failed=0, missing=0)
    assert store.rows(cells) == before


def test_every_configuration_is_trained_as_it_says(tmp_path: Path) -> None:
    experiment = small(3, ["gce", "logit_adjusted"])
    experiment = experiment.model_copy(
        update={"tuning": experiment.tuning.model_copy(update={"common_rate": 0.02})}
    )
    store, counts = run_here(experiment, tmp_path)
    assert counts == RunSummary(done=4 * (2 * 3 + 1), diverged=0, failed=0, missing=0)
    trained = {row["loss"]: row for row in store.rows(units, fingerprint=experiment.fingerprint())}
    assert set(trained) == {"ce", "mse", "gce", "logit_adjusted"}
    rows = store.rows(cells)
    for loss, unit in trained.items():
        declared = [(each["lr"], each["parameter"]) for each in unit["configurations"]]
        own = [row for row in rows if row["unit"] == unit["unit"]]
        assert {row["loss"] for row in own} == {loss}
        assert sorted((row["lr"], row["parameter"] or 0) for row in own) == sorted(
            (lr, parameter or 0) for lr, parameter in declared
        )
        assert sum(each["is_tuned"] for each in unit["configurations"]) == 6
        assert declared[-1] == (0.02, reference(loss, LossSpec()).parameter)

    # A row's numbers are those of a learner trained under its rate and its parameter, alone.
    benchmark = experiment.benchmark
    assert benchmark is not None
    for row in (row for row in rows if row["loss"] == "gce"):
        (outcome,) = train(
            TrainingJob(
                row["task"],
                row["unit"],
                LossRef("gce", "gce", row["parameter"]),
                (Member(row["key"], row["seed"], row["lr"]),),
                experiment.seed,
                benchmark.learner,
                benchmark.training,
                benchmark.curve_points,
                row["provenance"]["kernel"][0],
            )
        )
        assert (outcome.metrics, outcome.inner) == (row["metrics"], row["inner"])
    gce = [tuple(row["metrics"].values()) for row in rows if row["loss"] == "gce"]
    assert len(set(gce)) == len(gce)


def test_a_learner_trains_under_its_own_parameter() -> None:
    experiment = tiny()
    benchmark = experiment.benchmark
    assert benchmark is not None

    def nll(name: str, parameter: float) -> float | None:
        job = TrainingJob(
            "digits+imbalance=10",
            "a unit",
            LossRef(name, name, parameter),
            (Member("k", 0, 0.1),),
            5,
            benchmark.learner,
            benchmark.training,
            4,
            "analytic",
        )
        (outcome,) = train(job)
        return outcome.metrics["nll"]

    for name in ("focal", "logit_adjusted"):
        # The parameter is part of a cell's key beside its unit, not of the unit.
        assert LossRef(name, name, 0.25).identity() == reference(name, LossSpec()).identity()
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
