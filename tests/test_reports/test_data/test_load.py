"""Reading an experiment's results."""

import pytest
from test_reports.simulated import declared, experiment, simulated

from bench.errors import InputError
from bench.store import schema as tables
from bench.store.store import Store
from reports.data.load import load

SMALL = {"tasks": ("moons",), "losses": ("ce", "mse"), "runs": 1, "seeds": 6}


def loaded(path, **settings):
    store, described = simulated(path, **{**SMALL, **settings})
    return load(store, described)


def put(store, wanted, units):
    """One seed of (task, learner, loss), trained at two rates."""
    configurations = declared(wanted, "ce")[:1] + declared(wanted, "ce")[-1:]
    store.put(tables.units, [
        {"fingerprint": wanted.fingerprint(), "task": task, "learner": learner, "loss": loss,
         "unit": f"{task} {loss}", "configurations": configurations}
        for task, learner, loss in units
    ])  # fmt: skip
    store.put(tables.cells, [
        {"key": f"{task} {loss} {each['lr']}", "unit": f"{task} {loss}", "task": task,
         "learner": learner, "loss": loss, "seed": 0, "lr": each["lr"], "parameter": None,
         "status": "done", "detail": "", "inner": {"accuracy": 0.8},
         "metrics": {"accuracy": 0.9}, "curve": {}, "provenance": {}}
        for task, learner, loss in units
        for each in configurations
    ])  # fmt: skip


def test_every_part_is_read(small):
    assert list(small.rows.columns[:8]) == [
        "task", "learner", "loss", "seed", "policy", "lr", "parameter", "status",
    ]  # fmt: skip
    assert len(small.rows) == 2 * 5 * 8 * 3
    assert small.metrics == ["accuracy", "accuracy_selected", "area", "nll", "steps_to_ce"]
    assert len(small.curves) == len(small.rows) == len(small.seconds)
    assert list(small.curves.steps) == list(range(25, 501, 25))
    assert len(small.tuning) == 2 * 5
    assert len(small.configurations) == 2 * 5 * 8 * 3
    assert list(small.evolutions["loss"]) == ["mln_1", "mln_2"]
    assert set(small.shapes["loss"]) == {"ce", "mse", "gce", "mln_1", "mln_2"}
    assert not small.shapes.duplicated(["loss", "kind", "target", "p"]).any()
    assert set(small.history["phase"]) == {"ga", "es"}
    assert len(small.trials) == 8
    assert list(small.importances["name"]) == ["mutation_sigma", "mode", "population"]
    assert small.missing.empty
    assert small.candidates == ("mln_1", "mln_2")
    assert small.provenance["cells"]["torch"] == ["2.14.1"]


def test_rows_keep_the_experiments_order(small):
    assert list(dict.fromkeys(small.rows["loss"])) == ["ce", "mse", "gce", "mln_1", "mln_2"]
    assert list(dict.fromkeys(small.rows["task"])) == ["moons", "rings"]


def test_a_diverged_run_counts_with_the_worst_score_and_keeps_the_raw_one(small):
    diverged = small.rows[small.rows["status"] == "diverged"]
    assert list(diverged["policy"]) == ["per_seed", "pooled"]
    assert list(diverged["accuracy"]) == [0.0, 0.0]
    assert list(diverged["accuracy_raw"]) == [0.5, 0.5]


def test_no_raw_column_without_diverged_runs(tmp_path):
    assert "accuracy_raw" not in loaded(tmp_path / "a.db").rows


def test_missing_and_failed_rows(tmp_path):
    data = loaded(
        tmp_path / "a.db",
        failed={("moons", "ce", 1, 0.03), ("moons", "mse", 4, 0.01)},
        absent={("moons", "mse", 2, "common"), ("moons", "mln_1", 3, 0.003)},
    )
    found = data.missing[["loss", "seed", "policy", "reason"]].to_records(index=False).tolist()
    assert found == [
        # Without one of its configurations a seed cannot choose; the others' choice was run.
        ("ce", 1, "per_seed", "failed: worker lost"),
        ("mse", 2, "common", "not run yet"),
        ("mse", 4, "common", "failed: worker lost"),
        ("mln_1", 3, "per_seed", "not run yet"),
        ("mln_1", 3, "pooled", "not run yet"),
    ]
    assert len(data.rows) + len(data.missing) == 3 * 6 * 3


def test_losses_and_tasks_without_any_row_are_missing(tmp_path):
    store = Store(f"sqlite:///{tmp_path / 'a.db'}")
    wanted = experiment(**{**SMALL, "tasks": ("moons", "rings")})
    put(store, wanted, [("moons", "mlp", loss) for loss in ("ce", "mse")])
    data = load(store, wanted)
    # Of what was run, one seed has no others to be tuned on.
    assert len(data.missing) == 2 * 3 * 6 * 3 - 2 * 2
    assert not data.curves.values


def test_a_task_needs_the_learner_of_its_own_rows_alone(tmp_path):
    store = Store(f"sqlite:///{tmp_path / 'a.db'}")
    wanted = experiment(**{**SMALL, "tasks": ("moons", "digits"), "seeds": 1})
    learners = (("moons", "mlp-32"), ("digits", "cnn-6-16-k5-120-84"))
    put(store, wanted, [(*own, loss) for own in learners for loss in wanted.losses()])
    data = load(store, wanted)
    assert data.policies == ("per_seed", "common")
    assert data.missing.empty
    assert len(data.plan) == 2 * len(wanted.losses())


def test_a_task_that_rows_spell_otherwise_is_not_missing(tmp_path):
    store, described = simulated(tmp_path / "a.db", **SMALL)
    other = described.model_copy(
        update={"benchmark": described.benchmark.model_copy(update={"tasks": ("moons+noise=0",)})}
    )
    rows = store.rows(tables.units, fingerprint=described.fingerprint())
    store.put(tables.units, [row | {"fingerprint": other.fingerprint()} for row in rows])
    assert load(store, other).missing.empty


def test_nothing_to_report(tmp_path):
    store = Store(f"sqlite:///{tmp_path / 'a.db'}")
    with pytest.raises(InputError, match="nothing to report yet; run `mln-bench run`"):
        load(store, experiment(**SMALL))


def test_an_unknown_metric(tmp_path):
    with pytest.raises(InputError, match="no result has a metric 'acc'; choose one of accuracy"):
        loaded(tmp_path / "a.db", report={"metric": "acc"})


def test_without_evolved_losses_the_other_losses_are_candidates(tmp_path):
    data = loaded(tmp_path / "a.db", losses=("ce", "mse", "gce"), runs=0)
    assert data.candidates == ("gce",)
    assert data.evolutions.empty
    assert data.history.empty
    assert data.trials.empty


@pytest.mark.parametrize("model", ["processor", "device model"])
def test_pairs_that_mix_processors_or_devices_are_counted(tmp_path, model):
    store, described = simulated(tmp_path / "a.db", **SMALL)
    [cell] = store.rows(tables.cells, key="2-moons-ce-0-0.003")
    about = cell["provenance"] | {model: "another"}
    store.put(tables.cells, [cell | {"provenance": about}], replace=True)
    assert load(store, described).provenance["mixed_processors"] == 2


def test_time_to_ce_is_censored_at_the_budget(small):
    rows, curves = small.rows, small.curves
    tuned = (rows["loss"] == "ce") & (rows["policy"] == "per_seed") & (rows["task"] == "moons")
    threshold = rows[tuned]["accuracy"].mean()
    for place in range(0, 120, 7):
        line = curves.values["accuracy"][place]
        there = [step for step, value in zip(curves.steps, line, strict=True) if value >= threshold]
        expected = there[0] if there else 500
        assert rows["steps_to_ce"].iloc[place] == expected
        assert rows["reached_ce"].iloc[place] == bool(there)
    diverged = rows[rows["status"] == "diverged"].iloc[0]
    assert (diverged["steps_to_ce"], diverged["reached_ce"]) == (500, 0)


def test_without_ce_there_is_no_time_to_it(tmp_path):
    report = {"baselines": ["mse"]}
    data = loaded(tmp_path / "a.db", losses=("mse", "gce"), report=report)
    assert "steps_to_ce" not in data.rows
