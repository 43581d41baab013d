"""The validation of an evolution, from the experiment's file to the store and the command line."""

import contextlib
from pathlib import Path
from typing import Any

import pytest
from test_bench.tiny import TINY

from bench.errors import InputError
from bench.experiment.checks import load_checked
from bench.experiment.model import Experiment, with_settings
from bench.running.evolution import evolution_jobs, notes_of, validation_notes, validation_of
from bench.running.session import run_all
from bench.store.store import Store

VALIDATED = TINY["evolution"] | {
    "runs": 1,
    "validation": ["circles", "blobs_10+noise=0.2"],
    "loss": {"kind": "adaptive", "state": []},
    "settings": TINY["evolution"]["settings"]
    | {"budget": 3000, "validation": {"candidates": 2, "tasks": 4}},
}
BENCHMARK = TINY["benchmark"] | {"tasks": ["spirals"], "losses": ["ce", "mse"], "seeds": 1}


def validated(**evolution: Any) -> Experiment:
    content = TINY | {"evolution": VALIDATED | evolution, "benchmark": BENCHMARK}
    return Experiment.model_validate(content)


def test_a_run_stores_the_validation_and_says_what_did_not_improve(tmp_path: Path) -> None:
    experiment = validated()
    url = f"sqlite:///{tmp_path}/mln.db"
    result = run_all(experiment, url, tmp_path, jobs=1)
    assert result.cells.failed == 0
    with contextlib.closing(Store(url)) as store:
        (job,) = evolution_jobs(experiment, tmp_path)
        from bench.store.schema import evolutions

        row = store.rows_of(evolutions, [job.key])[job.key]
        assert result.notes == validation_notes(experiment, store)
    found = validation_of(row)
    assert found is not None
    tried = [g for g in row["history"] if g["validated"] is not None]
    chosen = [g for g in row["history"] if g["validation"]]
    assert len(tried) == 2
    assert len(chosen) == 1
    assert chosen[0]["validated"] == max(g["validated"] for g in tried)
    assert found["names"] == ["blobs_10+noise=0.2", "circles"]
    assert set(found["regimes"]) == {"", "noise=0.2"}
    assert found["tasks"] == 4
    assert found["gain"] == pytest.approx(sum(found["regimes"].values()) / 2)
    assert found["low"] < found["gain"] < found["high"]
    assert found["improved"] == (found["low"] > 0)
    assert row["member_steps"] <= 3000
    assert len(result.notes) == (not found["improved"])


def test_a_note_says_how_much_in_its_metrics_unit() -> None:
    section = validated().evolution
    assert section is not None
    found = {"gain": 0.012, "low": -0.001, "high": 0.025, "tasks": 48, "improved": False}
    history = [{"validation": None}, {"validation": found}, {}]
    (note,) = notes_of(section, [{"loss": "mln_1", "history": history}])
    assert "mln_1 is not shown to improve over CE" in note
    assert "+1.20 points (95 % interval -0.10 to +2.50, 48 tasks" in note
    in_nats = with_settings(section, {"evolution.settings.fitness.metric": "nll"})
    assert "+0.01 nats" in notes_of(in_nats, [{"loss": "mln_1", "history": history}])[0]
    better = [{"validation": found | {"improved": True}}]
    assert notes_of(section, [{"loss": "mln_1", "history": better}]) == []
    assert notes_of(section, [{"loss": "mln_1", "history": [{"best": 1.0}]}]) == []


def test_validation_families_are_part_of_the_key(tmp_path: Path) -> None:
    keys = {
        job.key
        for names in ([], ["circles"], ["circles", "blobs_10"])
        for job in evolution_jobs(validated(validation=names), tmp_path)
    }
    assert len(keys) == 3


FILE = """
name = "x"
[evolution]
families = ["moons+noise=0.2", "planar"]
validation = ["{validation}"]
settings.budget = {budget}
[benchmark]
tasks = ["digits", "spirals+noise=0.2"]
losses = ["ce", "mse"]
"""


@pytest.mark.parametrize(
    ("validation", "budget", "message"),
    [
        ("moons", 1500000, "'moons' is of the family 'moons', which evolution draws from"),
        # planar, which evolution draws from, is a mixture that has circles in it.
        ("blobs_2", 1500000, ""),
        ("xor|circles", 1500000, "'xor|circles' is of the family 'circles', which evolution"),
        ("spirals+imbalance=9", 1500000, "'spirals', which the benchmark reports"),
        ("blob_10", 1500000, "did you mean 'blobs_10'"),
        ("blobs_10", 100000, "lower settings.validation.tasks"),
    ],
)
def test_validation_is_on_other_families_or_refused_in_one_line(
    tmp_path: Path, validation: str, budget: int, message: str
) -> None:
    file = tmp_path / "x.toml"
    file.write_text(FILE.format(validation=validation, budget=budget))
    if not message:
        assert load_checked(str(file)).evolution
        return
    with pytest.raises(InputError) as caught:
        load_checked(str(file))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_learners_that_live_on_cannot_be_validated() -> None:
    with pytest.raises(ValueError, match="coevolution fresh"):
        validated(settings=VALIDATED["settings"] | {"coevolution": "persistent"})
