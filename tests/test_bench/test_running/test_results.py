"""`bench.results`: the stored rows of an experiment as a table, and choices from it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_bench.running_here import run_here
from test_bench.tiny import hand_made

import bench
from bench.catalogue.losses import LOSSES as CATALOGUE
from bench.errors import InputError
from bench.experiment.model import Experiment
from bench.experiment.sections import TuningSection
from bench.policies import COMMON, POLICIES
from bench.store.schema import cells
from bench.store.store import Store

LOSSES = ["ce", "mse", "gce"]
SECOND = CATALOGUE.get("gce").grid[1]


def experiment(seeds: int = 4) -> Experiment:
    made = hand_made(losses=LOSSES, seeds=seeds)
    tuning = TuningSection(rates=(0.01, 0.1), parameter_values=2, common_rate=0.05)
    return made.model_copy(update={"tuning": tuning})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Where the experiment is done, beside another one that shares its units."""
    other = experiment(seeds=5).model_copy(update={"tuning": TuningSection(rates=(0.3, 0.1))})
    run_here(other, tmp_path)
    filled, _ = run_here(experiment(), tmp_path)
    return filled


def test_one_row_for_each_cell_with_what_is_stored_of_it(store: Store) -> None:
    frame = bench.results(experiment(), store)
    assert list(frame.columns[:9]) == [
        "task", "learner", "loss", "seed", "lr", "parameter", "is_tuned", "is_common", "status"
    ]  # fmt: skip
    assert len(frame) == len(LOSSES) * 4 * (2 * 2 + 1)
    assert frame.groupby("loss")["is_tuned"].sum().to_dict() == dict.fromkeys(LOSSES, 16)
    assert frame.groupby("loss")["is_common"].sum().to_dict() == dict.fromkeys(LOSSES, 4)
    assert set(frame.loc[frame["is_common"], "lr"]) == {0.05}
    stored = {
        (row["loss"], row["seed"], row["lr"], row["parameter"]): row for row in store.rows(cells)
    }
    for row in frame.to_dict("records"):
        parameter = None if np.isnan(row["parameter"]) else row["parameter"]
        cell = stored[row["loss"], row["seed"], row["lr"], parameter]
        assert row["status"] == cell["status"] == "done"
        for name in ("accuracy", "nll", "ece"):
            assert row[name] == cell["metrics"][name]
            assert row[f"inner_{name}"] == cell["inner"][name]
    order = frame[frame["loss"] == "gce"].groupby("seed")[["lr", "parameter"]]
    assert {tuple(map(tuple, of.to_numpy())) for _, of in order} == {
        ((0.01, 0.7), (0.01, SECOND), (0.1, 0.7), (0.1, SECOND), (0.05, 0.7))
    }


def test_what_failed_and_what_diverged_stays_in_the_table(store: Store) -> None:
    empty = {"metrics": {}, "inner": {}}
    nothing = {name: dict.fromkeys(("accuracy", "nll")) for name in ("metrics", "inner")}
    with store.transaction() as connection:
        failed = cells.update().values(status="failed", **empty)
        connection.execute(failed.where(cells.c.seed == 0))
        diverged = cells.update().values(status="diverged", **nothing)
        connection.execute(diverged.where(cells.c.seed == 1))
        connection.execute(cells.delete().where(cells.c.seed == 2))
    frame = bench.results(experiment(), store)
    assert frame["status"].value_counts().to_dict() == {"failed": 15, "diverged": 15, "done": 15}
    numbers = frame.set_index("status")[["accuracy", "nll", "inner_accuracy", "inner_nll"]]
    assert numbers.loc[["failed", "diverged"]].isna().all(axis=None)
    assert numbers.loc["done"].notna().all(axis=None)


def choices(frame: pd.DataFrame, policy: str) -> list[list[int]]:
    """What a policy picks for the seeds of each loss, by the column of inner_valid alone."""
    choose = POLICIES[policy].choose
    assert choose is not None
    tuned = frame[frame["is_tuned"]]
    picked = []
    for _, own in tuned.groupby("loss"):
        scores = own["inner_nll"].to_numpy().reshape(own["seed"].nunique(), -1)
        picked.append(choose(-scores).tolist())
    return picked


@pytest.mark.parametrize("policy", [name for name in POLICIES if name != COMMON])
def test_permuting_the_stored_test_scores_changes_no_choice(policy: str, store: Store) -> None:
    before = bench.results(experiment(), store)
    rows = store.rows(cells)

    def permuted(column: str) -> pd.DataFrame:
        order = np.random.default_rng(1).permutation(len(rows))
        changed = [row | {column: rows[k][column]} for row, k in zip(rows, order, strict=True)]
        store.put(cells, changed, replace=True)
        frame = bench.results(experiment(), store)
        store.put(cells, rows, replace=True)
        return frame

    after = permuted("metrics")
    assert not np.array_equal(after["nll"], before["nll"])
    assert choices(after, policy) == choices(before, policy)
    # The check can fail: another inner_valid is another choice.
    assert choices(permuted("inner"), policy) != choices(before, policy)


def test_an_experiment_is_named_and_a_storage_too(tmp_path: Path) -> None:
    made = hand_made(seeds=1)
    store, _ = run_here(made, tmp_path)
    assert len(bench.results(made, store.url)) == 4
    with pytest.raises(InputError, match=r"has no results in sqlite:///.*run it, or"):
        bench.results("quickstart", store)
    with pytest.raises(InputError, match="no such file"):
        bench.results("quickstart", f"sqlite:///{tmp_path}/absent.db")
    with pytest.raises(InputError, match="did you mean 'quickstart'"):
        bench.results("quickstrt", store)
