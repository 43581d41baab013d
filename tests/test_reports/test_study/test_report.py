"""The study report on simulated benchmarks."""

import csv
import itertools
import json

import pandas as pd
import pytest
from test_reports.simulated import experiment, fill

from bench.errors import InputError
from bench.store import schema as tables
from bench.store.store import Store
from reports.study.data import best_place, load_study
from reports.study.report import write_study

SMALL = {"tasks": ("moons", "rings"), "losses": ("ce", "mse"), "seeds": 8}


def stored(path, *, runs=7, winner=0.0, is_finished=True, is_diverged=False):
    """A study with the benchmarks of its winner and of the default; both experiments."""
    store = Store(f"sqlite:///{path}")
    first = experiment(name="winner", study=True, runs=runs, **SMALL)
    second = experiment(name="default", study=True, runs=runs, **SMALL)
    names = [f"mln_{run + 1}" for run in range(runs)]
    cells = itertools.product(
        SMALL["tasks"], (*SMALL["losses"], *names), range(SMALL["seeds"]), ("tuned", "common")
    )
    ended = {"diverged": set(cells) if is_diverged else (), "measured": not is_diverged}
    fill(store, second, effects=dict.fromkeys(names, 0.0), salt=1, **ended)
    fill(store, first, effects=dict.fromkeys(names, winner), salt=2, **ended)
    if is_finished:
        finish(store, ranked_slots(store)[0])
    return store, first, second


def ranked_slots(store):
    """The slots of the complete trials, the largest value first."""
    rows = [row for row in store.rows(tables.trials) if row["value"] is not None]
    return [row["slot"] for row in sorted(rows, key=lambda row: -row["value"])]


def finish(store, best_slot):
    """Store what a study's command stores at its end; best_slot None: no trial is feasible."""
    [best] = [
        {name: row[name] for name in ("slot", "number", "value", "params")}
        for row in store.rows(tables.trials)
        if row["slot"] == best_slot
    ] or [{}]
    store.put(
        tables.studies,
        [{"study": "tuned", "kind": "screen", "experiment": "winner", "protocol": {}, "best": best,
          "front": []}],
    )  # fmt: skip


def diverge(store, slots):
    """Gains of all trials: in these slots one of eight judged learners diverged."""
    store.put(
        tables.gains,
        [
            {"study": "tuned", "slot": row["slot"], "seed": 0, "family": "gaussians",
             "kind": "screen", "settings": row["params"], "gain": 0.0, "tasks": 8,
             "diverged": int(row["slot"] in slots), "member_steps": 1000}
            for row in store.rows(tables.trials)
        ],
    )  # fmt: skip


def assert_named(report, trial):
    """A trial is the best in the findings, the table of settings and report.json."""
    assert any(f": trial {trial['number']} with a gain of " in text for text in report.findings)
    document = json.loads(report.paths.json.read_text())
    assert document["best"]["slot"] == trial["slot"]
    assert document["best"]["value"] == trial["value"]
    with (report.paths.directory / "tables/settings.csv").open() as file:
        settings = {row["setting"]: row["winner"] for row in csv.DictReader(file)}
    assert settings == {name: str(value) for name, value in trial["params"].items()}


@pytest.mark.slow
@pytest.mark.filterwarnings("error")
def test_winner_and_default_that_both_diverged_are_refused(tmp_path):
    store, winner, default = stored(tmp_path / "a.db", is_diverged=True)
    report = write_study(store, winner, default, tmp_path / "out", [])
    assert {gain.decision.verdict for gain in report.gains} == {"refused"}
    assert all("every run of both" in gain.decision.reason for gain in report.gains)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("state", ["fail", "pruned"])
@pytest.mark.parametrize("complete", [0, 1])
def test_a_study_without_a_finished_trial_is_reported(tmp_path, state, complete):
    store = Store(f"sqlite:///{tmp_path / 'a.db'}")
    described = experiment(name="winner", study=True, **SMALL)
    store.put(
        tables.trials,
        [
            {"study": "tuned", "slot": slot, "number": slot, "value": 0.0 if done else None,
             "state": "complete" if done else state, "params": {"mode": "ga"} if done else {},
             "intermediate": {}, "member_steps": 0}
            for slot in range(3)
            for done in [slot < complete]
        ],
    )  # fmt: skip
    report = write_study(store, described, None, tmp_path / "out", [])
    assert report.paths.html.exists()
    assert bool(report.data.best) == bool(complete)


def test_a_better_winner_is_found_on_fresh_seeds(tmp_path):
    store, winner, default = stored(tmp_path / "a.db", winner=0.03)
    report = write_study(store, winner, default, tmp_path / "out", ["mln-bench report"])
    assert [gain.decision.verdict for gain in report.gains] == ["better", "better"]
    assert report.gains[0].differences.shape == (7, 8)
    assert report.findings[0].startswith("The winner on moons exceeded the default by ")
    document = json.loads(report.paths.json.read_text())
    assert document["gains"][0]["verdict"] == "better"
    assert document["member_steps"] == 8 * 160_000
    text = report.paths.html.read_text()
    for anchor in ("gains", "settings", "search", "response", "cost"):
        assert f'<section id="{anchor}"' in text
    for figure in ("gains", "importances"):  # at the head of the page
        assert text.index(f'id="figure-{figure}"') < text.index("<nav")
    assert report.warnings == ()


def test_no_difference_is_not_called_one(tmp_path):
    store, winner, default = stored(tmp_path / "a.db")
    report = write_study(store, winner, default, tmp_path / "out")
    assert not {"better", "worse"} & {gain.decision.verdict for gain in report.gains}


def test_few_runs_are_descriptive_and_named_at_the_head(tmp_path):
    store, winner, default = stored(tmp_path / "a.db", runs=3)
    report = write_study(store, winner, default, tmp_path / "out")
    assert {gain.decision.verdict for gain in report.gains} == {"refused"}
    assert "3 independent evolution runs: fewer than 6" in report.warnings[0]


def test_without_fresh_seeds_nothing_is_claimed(tmp_path):
    store, winner, _ = stored(tmp_path / "a.db")
    report = write_study(store, winner, None, tmp_path / "out")
    assert report.gains == ()
    assert "What tuning gained is not known" in report.warnings[0]
    assert "optimistic" in report.findings[0]


@pytest.mark.parametrize("is_finished", [True, False])
def test_the_largest_value_is_not_the_best_if_it_is_infeasible(tmp_path, is_finished):
    store, winner, default = stored(tmp_path / "a.db", is_finished=False)
    first, second, *_ = ranked_slots(store)
    diverge(store, {first})
    if is_finished:
        finish(store, second)
    report = write_study(store, winner, default, tmp_path / "out")
    assert_named(report, store.rows(tables.trials, slot=second)[0])
    assert any(text.startswith("1 of 8 trials infeasible") for text in report.findings)
    unfinished = [text for text in report.warnings if "The study is not finished" in text]
    assert len(unfinished) == (not is_finished)


def test_the_best_is_the_one_that_the_study_stored(tmp_path):
    store, winner, default = stored(tmp_path / "a.db", is_finished=False)
    third = ranked_slots(store)[2]
    finish(store, third)
    report = write_study(store, winner, default, tmp_path / "out")
    assert_named(report, store.rows(tables.trials, slot=third)[0])
    assert report.warnings == ()


def test_a_study_that_goes_on_is_not_finished(tmp_path):
    store, winner, default = stored(tmp_path / "a.db")
    store.put(
        tables.slots,
        [{"study": "tuned", "slot": 8, "state": "open", "origin": "sampler", "params": None,
          "worker": None, "number": None, "beat": None, "deaths": 0}],
    )  # fmt: skip
    [warning] = write_study(store, winner, default, tmp_path / "out").warnings
    assert "not finished" in warning


def test_a_study_without_a_feasible_trial_has_no_best(tmp_path):
    store, winner, default = stored(tmp_path / "a.db", is_finished=False)
    diverge(store, set(range(8)))
    finish(store, None)
    report = write_study(store, winner, default, tmp_path / "out")
    assert json.loads(report.paths.json.read_text())["best"] == {}
    assert report.warnings == ("No trial of the study is both complete and feasible.",)
    assert not any("with a gain of" in text for text in report.findings)


def test_of_equal_values_the_first_slot_is_the_best_so_far():
    trials = pd.DataFrame(
        {"slot": [3, 2, 1, 0], "number": [0, 1, 2, 3], "value": [0.2, 0.2, 0.3, None]}
    )
    assert best_place(trials, frozenset({1}), None) == 1
    assert best_place(trials, frozenset({1, 2, 3}), None) is None


def test_winner_and_default_must_be_alike(tmp_path):
    store, winner, default = stored(tmp_path / "a.db")
    with pytest.raises(InputError, match="its seed differs"):
        load_study(store, winner, default.model_copy(update={"seed": 8}))
    with pytest.raises(InputError, match="has no \\[study\\]"):
        load_study(store, default.model_copy(update={"study": None}), None)


def test_the_same_bytes_again(tmp_path):
    store, winner, default = stored(tmp_path / "a.db")
    first, second = (write_study(store, winner, default, tmp_path / name) for name in "ab")
    for path in first.paths.directory.rglob("*"):
        if path.is_file():
            twin = second.paths.directory / path.relative_to(first.paths.directory)
            assert path.read_bytes() == twin.read_bytes(), path.name
