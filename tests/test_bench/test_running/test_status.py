"""Status counts exactly the cells of an experiment, however many others its units have."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_bench.running_here import run_here
from test_bench.tiny import hand_made

from bench.experiment.model import Experiment
from bench.experiment.sections import TuningSection
from bench.running.status import RunSummary, describe, summary
from bench.store.schema import cells, units
from bench.store.store import Store

LOSSES = ["ce", "mse", "gce"]


def experiment(seeds: int = 3, **tuning: Any) -> Experiment:
    made = hand_made(losses=LOSSES, seeds=seeds, training={"steps": 2, "batch_size": 8})
    section = TuningSection.model_validate({**made.tuning.model_dump(), **tuning})
    return made.model_copy(update={"tuning": section})


SHARING = [
    experiment(),
    experiment(seeds=2),
    experiment(rates=[0.1, 0.03]),
    experiment(common_rate=0.5),
    experiment(parameter_values=2),
]
"""Experiments whose units are the same, and whose cells overlap."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Where all of them are finished."""
    folder = tmp_path_factory.mktemp("sharing")
    for each in SHARING:
        filled, counts = run_here(each, folder)
        assert counts.missing == counts.failed == 0
    assert len({row["unit"] for row in filled.rows(units)}) == len(LOSSES)
    return filled


def expected(of: Experiment, store: Store) -> RunSummary:
    """Counted one cell at a time."""
    assert of.benchmark is not None
    status = {
        (row["unit"], row["seed"], row["lr"], row["parameter"]): row["status"]
        for row in store.rows(cells)
    }
    every = [
        status.get((unit["unit"], seed, each["lr"], each["parameter"]), "missing")
        for unit in store.rows(units, fingerprint=of.fingerprint())
        for each in unit["configurations"]
        for seed in range(of.benchmark.seeds)
    ]
    return RunSummary(*(every.count(name) for name in RunSummary._fields))


def test_cells_of_other_experiments_are_not_counted(store: Store) -> None:
    totals = [summary(each, store).total for each in SHARING]
    # Rates, one more for a common rate that is not among them, and twice as many with two values.
    assert totals == [3 * 3 * 2, 3 * 2 * 2, 3 * 3 * 3, 3 * 3 * 3, 3 * 3 * 4]
    assert len(store.rows(cells)) > max(totals)
    for each, total in zip(SHARING, totals, strict=True):
        assert summary(each, store) == RunSummary(total, 0, 0, 0) == expected(each, store)


@given(st.data())
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_status_is_counted_exactly(store: Store, data: st.DataObject) -> None:
    keys = sorted(store.tuples(cells.select().with_only_columns(cells.c.key)))
    changed = {
        key: data.draw(st.sampled_from(["done", "diverged", "failed", "gone"]), label=key)
        for (key,) in data.draw(st.lists(st.sampled_from(keys), unique=True))
    }
    before = store.rows(cells)
    with store.transaction() as connection:
        for key, status in changed.items():
            own = cells.c.key == key
            if status == "gone":
                connection.execute(cells.delete().where(own))
            else:
                connection.execute(cells.update().where(own).values(status=status))
    try:
        for each in SHARING:
            assert summary(each, store) == expected(each, store)
    finally:
        store.put(cells, before, replace=True)


def test_before_a_run_all_is_missing(tmp_path: Path) -> None:
    empty = Store(f"sqlite:///{tmp_path}/mln.db")
    described = describe(experiment(), empty, tmp_path)
    assert described == {
        "evolved": 0,
        "evolutions": 0,
        "done": 0,
        "diverged": 0,
        "failed": 0,
        "missing": 18,
        "seconds_left": None,
    }


def test_the_time_left_is_that_of_the_cells_that_are_missing(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("bench.running.status.default_workers", lambda _: 3)
    more = SHARING[0].model_copy(update={"seed": 77})
    partly = Store(f"sqlite:///{tmp_path}/mln.db")
    run_here(more, tmp_path)
    with partly.transaction() as connection:
        connection.execute(cells.delete().where(cells.c.seed == 2))
        connection.execute(cells.update().values(provenance={"seconds": 1.5}))
    described = describe(more, partly, tmp_path)
    assert described["missing"] == 6
    assert described["seconds_left"] == pytest.approx(6 * 1.5 / 3)
    assert describe(SHARING[0], store, tmp_path)["seconds_left"] == 0.0
