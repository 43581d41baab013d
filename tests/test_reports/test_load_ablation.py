"""An ablation read out of a store, with slots that are not done yet."""

import json

import pytest

from bench import store as tables
from bench.errors import InputError
from bench.experiment import Experiment
from bench.store import Store
from reports.ablation import load_ablation, write_ablation

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
                "factors": {MODE: ["hybrid", "ga", "es"], START: ["imitation", "random"]},
            },
        }
    )


def filled(path, cells=CROSSED, *, done=None, without=()):
    """A store whose study owes all `cells`; `done` are the slots with gains."""
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
             "tasks": 8, "diverged": 0, "member_steps": 1000}
            for slot in done
            for seed in range(6)
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
    assert data.unfinished == ()


def test_a_setting_that_a_cell_lacks_is_not_used(tmp_path):
    cells = [{MODE: "hybrid", START: "a"}, {MODE: "ga"}]
    data = load_ablation(filled(tmp_path / "a.db", cells), ablation())
    assert data.gains.groupby("slot")[START].first().tolist() == ["a", "not used"]


def test_a_level_that_never_ran_refuses_what_is_left(tmp_path):
    store = filled(tmp_path / "a.db", done={0, 1, 2, 3})
    assert load_ablation(store, ablation()).unfinished == (4, 5)
    report = write_ablation(store, ablation(), tmp_path / "report")
    assert "2 of 6 cells have no result" in report.warnings
    assert {effect.decision.verdict for effect in report.analysis.effects} == {"refused"}
    assert json.loads(report.paths.json.read_text())["unfinished_slots"] == [4, 5]


def test_a_hole_in_a_cell_leaves_its_seed_out(tmp_path):
    store = filled(tmp_path / "a.db", without={(3, 2, "rings")})
    report = write_ablation(store, ablation(), tmp_path / "report")
    assert report.analysis.missing.to_dict("records") == [{"slot": 3, "seed": 2, "family": "rings"}]
    assert report.analysis.seeds == 5


@pytest.mark.parametrize("lacking", [0, 1])
def test_a_leave_one_out_without_one_of_its_cells(tmp_path, lacking):
    store = filled(tmp_path / "a.db", ONE_OUT, done={0, 1, 2} - {lacking})
    report = write_ablation(store, ablation("leave_one_out"), tmp_path / "report")
    assert "1 of 3 cells have no result" in report.warnings
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
