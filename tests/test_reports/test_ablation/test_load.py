"""An ablation read out of a store, with slots that are not done yet."""

import json

import pytest
from typer.testing import CliRunner

from bench.cli.app import app
from bench.errors import InputError
from bench.experiment.model import Experiment
from bench.store import schema as tables
from bench.store.store import Store
from reports.ablation.data import load_ablation
from reports.ablation.report import write_ablation

MODE, START = "evolution.settings.mode", "evolution.loss.start"
STUDY, FAMILIES = "what matters?", ("rings", "spirals")
CROSSED = [{MODE: mode, START: start} for mode in ("hybrid", "ga", "es") for start in ("a", "b")]
ONE_OUT = [
    {MODE: "hybrid", START: "a"},
    {MODE: "ga", START: "a"},
    {MODE: "hybrid", START: "b"},
]


def ablation(design="factorial"):
    return Experiment.model_validate(
        {
            "name": "ablation",
            "evolution": {"families": ["gaussians"]},
            "study": {
                "kind": "ablate",
                "name": STUDY,
                "design": design,
                "seeds": 6,
                "families": FAMILIES,
                "factors": {MODE: ["hybrid", "ga", "es"], START: ["a", "b"]},
            },
        }
    )


def filled(path, cells=CROSSED, *, done=None, without=(), seeds=6, diverged=0):
    """A store whose study declares all `cells`; the slots `done` have gains on so many seeds."""
    store, slots = Store(f"sqlite:///{path}"), range(len(cells))
    done = set(slots if done is None else done)
    store.put(
        tables.slots,
        [
            {"study": STUDY, "slot": slot, "state": "done" if slot in done else "open",
             "origin": "cell", "params": cells[slot], "worker": None, "number": None,
             "beat": None, "deaths": 0}
            for slot in slots
        ],
    )  # fmt: skip
    store.put(
        tables.gains,
        [
            {"study": STUDY, "slot": slot, "seed": seed, "family": family, "kind": "ablate",
             "settings": cells[slot], "gain": 0.01 * slot + 0.001 * ((7 * seed + slot) % 5),
             "tasks": 8, "diverged": diverged, "member_steps": 1000}
            for slot in done
            for seed in range(seeds)
            for family in FAMILIES
            if (slot, seed, family) not in without
        ],
    )  # fmt: skip
    store.put(
        tables.studies,
        [{"study": STUDY, "kind": "ablate", "experiment": "ablation",
          "protocol": {"metric": "accuracy", "budget": 1000}, "best": {}, "front": []}],
    )  # fmt: skip
    return store


def test_rows_in_and_an_ablation_out(tmp_path):
    data = load_ablation(filled(tmp_path / "a.db"), ablation())
    assert (data.study, data.design, data.factors) == (STUDY, "factorial", (MODE, START))
    assert (data.metric, data.protocol["budget"]) == ("accuracy", 1000)
    assert list(data.gains.columns) == [
        "slot", "seed", "family", MODE, START, "gain", "tasks", "diverged", "member_steps",
    ]  # fmt: skip
    assert len(data.gains) == 6 * 6 * 2
    assert data.gains.groupby("slot")[MODE].first().tolist() == [cell[MODE] for cell in CROSSED]
    assert data.missing_slots == ()


def test_a_setting_that_a_cell_lacks_is_not_used(tmp_path):
    cells = [{MODE: "hybrid", START: "a"}, {MODE: "ga"}]
    data = load_ablation(filled(tmp_path / "a.db", cells), ablation())
    assert data.gains.groupby("slot")[START].first().tolist() == ["a", "not used"]


def test_a_level_that_never_ran_refuses_what_is_left(tmp_path):
    store = filled(tmp_path / "a.db", done={0, 1, 2, 3})
    assert load_ablation(store, ablation()).missing_slots == (4, 5)
    report = write_ablation(store, ablation(), tmp_path / "report")
    assert {effect.decision.verdict for effect in report.analysis.effects} == {"refused"}
    document = json.loads(report.paths.json.read_text())
    assert (document["unfinished_slots"], document["finished"]) == ([4, 5], False)
    assert not report.is_whole


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        ({"done": {0, 1, 2, 3, 5}}, "1 of 6 cells have no result"),
        (
            {"done": {0, 1, 2, 3}},
            "2 of 6 cells have no result (none with mode = es has one)",
        ),
        ({"without": {(3, 2, "rings")}}, "5 of 6 evolution seeds complete"),
        ({"seeds": 5}, "5 of 6 evolution seeds complete"),
        (
            {"done": {0, 1, 2, 3}, "seeds": 4, "without": {(3, 2, "rings")}},
            "2 of 6 cells have no result (none with mode = es has one), "
            "3 of 6 evolution seeds complete",
        ),
    ],
)
def test_what_is_missing_is_said_once_in_one_line(tmp_path, stored, text):
    store = filled(tmp_path / "a.db", **stored)
    report = write_ablation(store, ablation(), tmp_path / "report")
    lines = [line for line in report.warnings if "independent" not in line]
    assert lines == [f"Not finished: {text}."]
    assert report.paths.html.read_text().count(text) == 1
    assert report.paths.json.read_text().count(text) == 1
    reasons = {effect.decision.reason.split(";")[0] for effect in report.analysis.effects}
    assert reasons == {"not finished"}
    assert json.loads(report.paths.json.read_text())["warnings"] == list(report.warnings)
    assert not report.is_whole


def test_a_whole_ablation_lacks_nothing_though_learners_diverged(tmp_path):
    report = write_ablation(filled(tmp_path / "a.db", diverged=1), ablation(), tmp_path / "report")
    assert len(report.warnings) == 1
    assert "diverged" in report.warnings[0]
    assert report.is_whole


def test_a_hole_in_a_cell_leaves_its_seed_out(tmp_path):
    store = filled(tmp_path / "a.db", without={(3, 2, "rings")})
    report = write_ablation(store, ablation(), tmp_path / "report")
    assert report.analysis.missing.to_dict("records") == [{"slot": 3, "seed": 2, "family": "rings"}]
    assert report.analysis.seeds == 5


@pytest.mark.parametrize("missing_slot", [0, 1])
def test_a_leave_one_out_without_one_of_its_cells(tmp_path, missing_slot):
    store = filled(tmp_path / "a.db", ONE_OUT, done={0, 1, 2} - {missing_slot})
    report = write_ablation(store, ablation("leave_one_out"), tmp_path / "report")
    assert any("1 of 3 cells have no result" in text for text in report.warnings)
    assert not report.is_whole
    assert all(effect.decision.verdict == "refused" for effect in report.analysis.effects)


def test_other_studies_and_none(tmp_path):
    store = Store(f"sqlite:///{tmp_path / 'a.db'}")
    with pytest.raises(InputError, match="nothing to report yet; run `mln-bench ablate`"):
        load_ablation(store, ablation())
    plain = ablation().model_copy(update={"study": None})
    with pytest.raises(InputError, match=r"has no \[study\] of kind ablate"):
        load_ablation(store, plain)


def test_without_one_whole_seed_there_is_no_report(tmp_path):
    holes = [(seed % len(CROSSED), seed, "rings") for seed in range(6)]
    store = filled(tmp_path / "a.db", without=holes)
    with pytest.raises(InputError, match="no evolution seed"):
        write_ablation(store, ablation(), tmp_path / "report")


TOML = """
name = "ablation"
[evolution]
families = ["moons"]
[study]
kind = "ablate"
name = "what matters?"
seeds = 6
families = ["spirals", "circles"]
[study.factors]
"evolution.settings.mode" = ["hybrid", "ga", "es"]
"evolution.loss.start" = ["imitation", "random"]
"""


@pytest.mark.parametrize(
    ("stored", "code"), [({}, 0), ({"diverged": 1}, 0), ({"done": {0, 1, 2}}, 1), ({"seeds": 5}, 1)]
)
def test_strict_fails_for_what_is_missing_and_not_for_diverged_learners(tmp_path, stored, code):
    cells = [dict(cell, **{START: {"a": "imitation", "b": "random"}[cell[START]]})
             for cell in CROSSED]  # fmt: skip
    filled(tmp_path / "mln.db", cells, **stored).close()
    (tmp_path / "ablation.toml").write_text(TOML)
    words = ["report", str(tmp_path / "ablation.toml"), "--kind", "ablation", "--strict", "--json",
             "--storage", f"sqlite:///{tmp_path / 'mln.db'}", "--out", str(tmp_path)]  # fmt: skip
    assert CliRunner().invoke(app, words).exit_code == code
