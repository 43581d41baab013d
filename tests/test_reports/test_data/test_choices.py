"""What each policy chooses, by inner_valid alone, and what it could not choose."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_reports.simulated import experiment, level, simulated

from bench.store import schema as tables
from bench.store.store import Store
from reports.data.cells import read_configurations, read_units
from reports.data.choices import NO_OTHERS, NOT_RUN, choose
from reports.data.load import load

RATES = (0.003, 0.01, 0.03)
SMALL = {"tasks": ("moons", "rings"), "losses": ("ce", "mse"), "runs": 1, "seeds": 6}
IDENTITY = ["task", "learner", "loss", "seed", "policy"]


def read(store, described):
    units = read_units(store, described.fingerprint())
    return choose(described, units, read_configurations(store, described, units))


@pytest.mark.parametrize("salt", [2, 3])
def test_no_choice_sees_the_test_split(tmp_path, salt):
    store, described = simulated(
        tmp_path / "a.db", **SMALL, rates=(0.001, 0.003, 0.01, 0.03), response=level, salt=salt,
        diverged={("moons", "mse", 3, 0.03)}, failed={("rings", "ce", 2, 0.001)},
    )  # fmt: skip
    before, absent = read(store, described)
    assert before["lr"].nunique() == 4
    cells = store.rows(tables.cells)
    order = np.random.default_rng(salt).permutation(len(cells))
    permuted = [
        cell | {"metrics": cells[k]["metrics"], "curve": cells[k]["curve"]}
        for cell, k in zip(cells, order, strict=True)
    ]
    store.put(tables.cells, permuted, replace=True)
    after, still_absent = read(store, described)
    assert after.equals(before)
    assert still_absent.equals(absent)
    loaded = load(store, described).rows
    again = before.merge(loaded, on=[*IDENTITY, "lr"])
    assert len(again) == len(before) == len(loaded)
    # The scores themselves moved, so that the permutation was one.
    scores = {cell["key"]: cell["metrics"].get("accuracy") for cell in cells}
    done = again[again["status_x"] == "done"]
    assert (done["accuracy"] != done["key"].map(scores)).mean() > 0.5


ABSENT, FAILED, DIVERGED, NO_SCORE = "absent", "failed", "diverged", "no score"
CELL = st.sampled_from([0.5, 0.5, 0.6, 0.7, 0.7, DIVERGED, FAILED, ABSENT, NO_SCORE])
GOOD = st.sampled_from([0.5, 0.6, 0.7, 0.7, DIVERGED])


@st.composite
def grids(draw):
    """One loss: what became of each seed (rows) at each rate; most seeds are whole."""
    seeds = draw(st.integers(2, 5))
    wholes = [draw(st.integers(0, 3)) > 0 for _ in range(seeds)]
    return [[draw(GOOD if whole else CELL) for _ in RATES] for whole in wholes]


def oracle(grid):
    """The rate's place for (policy, seed), or the reason why there is none: written out."""
    # A diverged learner has the worst accuracy, 0, and is a result.
    score = {DIVERGED: 0.0}
    whole = [all(x == DIVERGED or isinstance(x, float) for x in row) for row in grid]
    values = [[score.get(x, x) for x in row] for row in grid]
    found = {}
    for seed, row in enumerate(grid):
        others = [values[i] for i in range(len(grid)) if i != seed and whole[i]]
        wanted = {"common": 1}
        if whole[seed]:
            wanted["per_seed"] = max(range(3), key=lambda k: (values[seed][k], -k))
        if others:
            means = [round(sum(other[k] for other in others) / len(others), 10) for k in range(3)]
            wanted["pooled"] = max(range(3), key=lambda k: (means[k], -k))
        for policy in ("per_seed", "pooled", "common"):
            place = wanted.get(policy)
            needed = row if place is None else [row[place]]
            if place is not None and row[place] not in (FAILED, ABSENT):
                found[policy, seed] = place
            elif FAILED in needed:
                found[policy, seed] = "failed: worker lost"
            elif ABSENT in needed:
                found[policy, seed] = NOT_RUN
            else:
                found[policy, seed] = NO_OTHERS if whole[seed] else "no accuracy on inner_valid"
    return found


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(grids())
def test_policies_choose_as_an_oracle_does(grid):
    described = experiment(
        tasks=("moons",), losses=("ce",), runs=0, seeds=len(grid), rates=RATES,
        report={"baselines": ["ce"]},
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{Path(folder) / 'a.db'}")
        put(store, described, grid)
        chosen, missing = read(store, described)
        store.close()
    found = {
        (policy, seed): RATES.index(lr)
        for policy, seed, lr in zip(chosen["policy"], chosen["seed"], chosen["lr"], strict=True)
    }
    reasons = missing[["policy", "seed", "reason"]].itertuples(index=False, name=None)
    found |= {(policy, seed): reason for policy, seed, reason in reasons}
    assert len(found) == len(chosen) + len(missing)
    # Where there is no cell at all there is no table to read, and `load` says so.
    if any(x != ABSENT for row in grid for x in row):
        assert found == oracle(grid)


def put(store, described, grid):
    """Cells of one loss at RATES, the middle one common."""
    about = {"task": "moons", "learner": "mlp", "loss": "ce", "unit": "u"}
    store.put(
        tables.units,
        [
            about | {"fingerprint": described.fingerprint(), "configurations": [
                {"lr": lr, "parameter": None, "is_tuned": True, "is_common": lr == RATES[1]}
                for lr in RATES
            ]}
        ],
    )  # fmt: skip
    store.put(
        tables.cells,
        [
            about | {
                "key": f"{seed} {lr}", "seed": seed, "lr": lr, "parameter": None,
                "status": value if value in (DIVERGED, FAILED) else "done",
                "detail": "worker lost" if value == FAILED else "",
                "inner": {} if value == FAILED else
                         {"accuracy": value if isinstance(value, float) else None},
                "metrics": {"accuracy": 0.5}, "curve": {}, "provenance": {},
            }
            for seed, row in enumerate(grid)
            for lr, value in zip(RATES, row, strict=True)
            if value != ABSENT
        ],
    )  # fmt: skip


def test_equal_scores_take_the_configuration_that_comes_first(tmp_path):
    store, described = simulated(
        tmp_path / "a.db", **SMALL, spread=0.0, response=lambda score, lr, rng: (0.5, score)
    )
    chosen, _ = read(store, described)
    assert set(chosen.loc[chosen["policy"] != "common", "lr"]) == {0.003}


def test_a_metric_that_is_minimised_is_chosen_at_its_least(tmp_path):
    store, described = simulated(tmp_path / "a.db", **SMALL)
    tuning = described.tuning.model_copy(update={"metric": "nll"})
    by_nll = described.model_copy(update={"tuning": tuning})
    rows = [
        row | {"inner": {"nll": 0.1 / row["lr"], "accuracy": -row["lr"]}}
        for row in store.rows(tables.cells)
    ]
    store.put(tables.cells, rows, replace=True)
    units = [row | {"fingerprint": by_nll.fingerprint()} for row in store.rows(tables.units)]
    store.put(tables.units, units)
    chosen, _ = read(store, by_nll)
    assert set(chosen.loc[chosen["policy"] != "common", "lr"]) == {0.03}
