"""The study report on simulated benchmarks."""

import json

import pytest
from test_reports.simulated import experiment, fill

from bench.errors import InputError
from bench.store.store import Store
from reports.study.data import load_study
from reports.study.report import write_study

SMALL = {"tasks": ("moons", "rings"), "losses": ("ce", "mse"), "seeds": 8}


def stored(path, *, runs=7, winner=0.0):
    """A study with the benchmarks of its winner and of the default; both experiments."""
    store = Store(f"sqlite:///{path}")
    first = experiment(name="winner", study=True, runs=runs, **SMALL)
    second = experiment(name="default", study=True, runs=runs, **SMALL)
    names = [f"mln_{run + 1}" for run in range(runs)]
    fill(store, second, effects=dict.fromkeys(names, 0.0), salt=1)
    fill(store, first, effects=dict.fromkeys(names, winner), salt=2)
    return store, first, second


def test_a_better_winner_is_found_on_fresh_seeds(tmp_path):
    store, winner, default = stored(tmp_path / "a.db", winner=0.03)
    report = write_study(store, winner, default, tmp_path / "out", ["mln-bench report"])
    assert [gain.decision.verdict for gain in report.gains] == ["better", "better"]
    assert report.gains[0].gains.shape == (7, 8)
    assert report.findings[0].startswith("The winner on moons exceeded the default by ")
    document = json.loads(report.paths.json.read_text())
    assert document["bought"][0]["verdict"] == "better"
    assert document["member_steps"] == 8 * 160_000
    text = report.paths.html.read_text()
    for anchor in ("bought", "settings", "search", "importances", "response", "cost"):
        assert f'id="{anchor}"' in text
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
    assert "What tuning bought is not known" in report.warnings[0]
    assert "optimistic" in report.findings[0]


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
