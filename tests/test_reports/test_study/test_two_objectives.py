"""The study report of two objectives, and of a confirmation paired by evolution seed."""

import json

import numpy as np
import pytest

from bench.experiment.model import Experiment
from bench.store import schema as tables
from bench.store.store import Store
from reports.study.report import write_study


def experiment(**study):
    return Experiment.model_validate(
        {
            "name": "settings",
            "evolution": {"families": ["moons"]},
            "study": {"name": "settings", "families": ["xor", "xor+noise=0.2"], **study},
        }
    )


def trial(slot, value, worst, **about):
    return {
        "study": "settings", "slot": slot, "number": slot, "state": "complete", "value": value,
        "params": {"evolution.settings.population": 8 + 2 * slot},
        "intermediate": {"step": [1], "value": [value], "worst_regime": worst},
        "member_steps": 1000, **about,
    }  # fmt: skip


@pytest.mark.parametrize("is_finished", [True, False])
def test_the_front_is_drawn_and_the_rule_decides(tmp_path, is_finished):
    store = Store(f"sqlite:///{tmp_path}/a.db")
    study = experiment(trials=4, objectives=["gain", "worst_regime"])
    trials = [
        trial(0, 0.03, -0.010), trial(1, 0.02, -0.001), trial(2, 0.01, 0.004),
        trial(3, 0.0, 0.001),
    ]  # fmt: skip
    store.put(tables.trials, trials)
    if is_finished:
        front = [
            {"slot": row["slot"], "number": row["number"], "value": row["value"], "params": {},
             "cost": 1000, "worst_regime": row["intermediate"]["worst_regime"]}
            for row in trials[:3]
        ]  # fmt: skip
        protocol = {
            "objectives": ["gain over tuned CE", "gain on the worst regime"],
            "choice": "Chosen is the largest.",
        }
        row = {
            "study": "settings", "kind": "screen", "experiment": "settings", "protocol": protocol,
            "best": {"slot": 1, "number": 1, "value": 0.02, "params": {}}, "front": front,
        }  # fmt: skip
        store.put(tables.studies, [row])
    report = write_study(store, study, None, tmp_path / "out")
    document = json.loads(report.paths.json.read_text())
    assert document["best"]["slot"] == 1
    assert "worst_regime" not in report.data.parameters
    if is_finished:
        assert [one["slot"] for one in document["front"]] == [0, 1, 2]
        assert any("Pareto front of 3 trials. Chosen is" in text for text in report.findings)
        assert (tmp_path / "out/figures/front.svg").exists()


def confirm(tmp_path, difference, *, seeds=10, whole=True):
    """A confirmation of a winner that is so much better than its two rivals, and its report."""
    store = Store(f"sqlite:///{tmp_path}/a.db")
    study = experiment(
        kind="confirm", seeds=10, sampler="none", incumbent_from="screen", stop_early=False,
        paper_defaults=False, variants={"defaults": {}, "GA": {}},
    )  # fmt: skip
    origins = ["incumbent", "defaults", "GA"]
    rng = np.random.default_rng(4)
    block = rng.normal(0, 0.02, seeds)
    gains, slots = [], []
    for slot, origin in enumerate(origins):
        slots.append(
            {"study": "settings", "slot": slot, "state": "done", "origin": origin, "params": {},
             "worker": None, "number": slot, "beat": None, "deaths": 0}
        )  # fmt: skip
        own = seeds if whole or slot != 2 else 4
        for seed in range(own):
            for family, tasks in (("xor", 3), ("xor+noise=0.2", 1)):
                gain = block[seed] + (difference if slot == 0 else 0) + rng.normal(0, 0.002)
                gains.append(
                    {"study": "settings", "slot": slot, "seed": seed, "family": family,
                     "kind": "confirm", "settings": {}, "gain": gain, "tasks": tasks,
                     "diverged": 0, "member_steps": 500}
                )  # fmt: skip
    store.put(tables.slots, slots)
    store.put(tables.gains, gains)
    store.put(tables.trials, [trial(slot, 0.01, 0.0) for slot in range(3)])
    store.put(tables.trials, [trial(k, 0.01, 0.0, study="screen") for k in range(5)])
    return write_study(store, study, None, tmp_path / "out")


def test_a_confirmed_winner_is_better_by_its_seeds_and_its_cost_is_told(tmp_path):
    report = confirm(tmp_path, 0.02)
    document = json.loads(report.paths.json.read_text())
    told = {one["baseline"]: one for one in document["confirmed"]}
    assert {name: one["verdict"] for name, one in told.items()} == {
        "defaults": "better",
        "GA": "better",
    }
    assert told["GA"]["ci_low"] < 0.02 < told["GA"]["ci_high"]
    assert told["GA"]["n"] == 10
    costs = "This confirmation spent 15,000 member-steps, the search before it 5,000."
    assert costs in report.findings
    assert 'id="confirmed"' in report.paths.html.read_text()
    assert not any("not known" in text for text in report.warnings)


def test_a_winner_that_is_equivalent_to_all_is_said_to_be_so(tmp_path):
    document = json.loads(confirm(tmp_path, 0.0).paths.json.read_text())
    assert document["answer"] == (
        "Tuning gained nothing that matters: on fresh evolution seeds the incumbent is equivalent "
        "to defaults and GA."
    )


def test_what_is_no_better_or_not_whole_is_not_called_better(tmp_path):
    report = confirm(tmp_path, 0.0, whole=False)
    document = json.loads(report.paths.json.read_text())
    told = {one["baseline"]: one["verdict"] for one in document["confirmed"]}
    assert told == {"defaults": "equivalent", "GA": "refused"}
