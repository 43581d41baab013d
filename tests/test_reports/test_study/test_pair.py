"""Two studies side by side, by name, from one storage."""

import json

import pytest

from bench.errors import InputError
from bench.store import schema as tables
from bench.store.store import Store
from reports.study.pair import load_pair, write_pair


def fill(store, name, values, *, steps, families=("xor",), shares=None):
    store.put(
        tables.trials,
        [
            {"study": name, "slot": k, "number": k, "state": "pruned" if v is None else "complete",
             "value": v, "params": {"evolution.settings.population": 8},
             "intermediate": {"step": [], "value": []}, "member_steps": steps}
            for k, v in enumerate(values)
        ],
    )  # fmt: skip
    best = max(v for v in values if v is not None)
    protocol = {"families": list(families), "tasks": 4, "rates": [0.1], "seeds": 1}
    row = {"study": name, "kind": "screen", "experiment": "x", "protocol": protocol, "front": [],
           "best": {"slot": values.index(best), "number": values.index(best), "value": best,
                    "params": {"evolution.settings.population": 8}}}  # fmt: skip
    store.put(tables.studies, [row])
    store.put(tables.importances, [{"study": name, "values": shares or {}}])


def test_the_best_so_far_is_compared_at_equal_cost(tmp_path):
    store = Store(f"sqlite:///{tmp_path}/a.db")
    fill(store, "cheap", [0.01, 0.03, None], steps=100, shares={"mode": 0.7, "population": 0.3})
    fill(store, "dear", [0.02, 0.00, 0.05], steps=200, shares={"mode": 0.9})
    pair = load_pair(store, "cheap", "dear")
    assert pair.warnings == ()
    paths = write_pair(pair, tmp_path / "out", ["mln-bench study a --compare dear"])
    document = json.loads(paths.json.read_text())
    assert [one["best"] for one in document["studies"]] == [0.03, 0.05]
    # 300 member-steps are all of the cheap study, and one trial of the dear one.
    assert [one["best_at_common"] for one in document["studies"]] == [0.03, 0.02]
    assert [one["best"] for one in document["progress"][0]] == [0.01, 0.03, 0.03]
    assert {row["setting"]: (row["A"], row["B"]) for row in document["importances"]} == {
        "mode": (0.7, 0.9),
        "population": (0.3, None),
    }
    assert any("settings of both: mode" in text for text in document["findings"])
    for name in ("progress", "pair"):
        assert (tmp_path / f"out/figures/{name}.svg").exists()


def test_gains_of_other_tasks_are_not_compared_without_a_word(tmp_path):
    store = Store(f"sqlite:///{tmp_path}/a.db")
    fill(store, "a", [0.01], steps=1)
    fill(store, "b", [0.01], steps=1, families=("moons",))
    (warning,) = load_pair(store, "a", "b").warnings
    assert warning.startswith("The two differ in families")
    with pytest.raises(InputError, match="no finished trial in this storage; there are 'a', 'b'"):
        load_pair(store, "a", "c")
