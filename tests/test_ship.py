"""`measurements.ship`: the loss that validation chose, with a card from the files of a run."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from places import ROOT

from measurements import ship
from mln.config import LossSpec
from mln.files import save_loss
from mln.laws import law
from mln.pretrained.cards import Card

EXPERIMENT = str(ROOT / "docs" / "results" / "recipe.toml")


def comparison(candidate: str, **changes: Any) -> dict[str, Any]:
    """A comparison as report.json has it."""
    return {
        "task": "digits", "learner": "mlp-64", "candidate": candidate, "baseline": "ce", "n": 20,
        "metric": "accuracy", "policy": "per_seed", "unit": "seed", "mean_difference": 0.01,
        "ci_low": 0.005, "ci_high": 0.015, "verdict": "better",
    } | changes  # fmt: skip


def tuning(loss: str, lr: float) -> dict[str, Any]:
    return {"task": "digits", "learner": "mlp-64", "loss": loss, "lr": lr}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three evolved losses, and the report on them; a test score would choose the last."""
    evolved = []
    for run, (gain, q) in enumerate(((0.01, 0.1), (0.03, 0.2), (0.02, 0.3))):
        spec, genome = law(LossSpec(kind="adaptive", state=()), q=q)
        path = tmp_path / f"run-{run + 1}.safetensors"
        save_loss(path, spec, genome, {"run": run, "member_steps": 100})  # type: ignore[arg-type]
        evolved.append(
            {
                "loss": f"mln_{run + 1}", "file": str(path), "member_steps": 100,
                "validation_gain": gain, "validation_low": gain - 0.015,
                "validation_high": gain + 0.015, "validation_improved": gain > 0.015,
            }
        )  # fmt: skip
    training = {"optimizer": "adam", "batch_size": 32, "steps": 400}
    report = {
        "experiment": "recipe", "metric": "accuracy", "direction": "maximise", "rope": 0.005,
        "seeds": 20, "policies": ["per_seed", "pooled"], "candidates": ["mln_1", "mln_2", "mln_3"],
        "comparisons": [
            comparison("mln_2"), comparison("mln_2", policy="pooled"),
            comparison("mln_2", baseline="gce", verdict="worse"),
            comparison("mln_2", baseline="mse", verdict="refused"),
            comparison("mln_2", metric="nll"), comparison("mln_3", mean_difference=0.5),
        ],
        "tuning": [tuning("ce", 0.01), tuning("mln_2", 0.02), tuning("mln_3", 0.5)],
        "provenance": {
            "configuration": {
                "benchmark": {"tasks": ["digits", "moons"], "training": training},
                "tuning": {"rates": [0.001, 0.03]},
            }
        },
    }  # fmt: skip
    (tmp_path / "evolved.json").write_text(json.dumps(evolved))
    (tmp_path / "report.json").write_text(json.dumps(report))
    return tmp_path


def shipped(monkeypatch: pytest.MonkeyPatch, folder: Path, *words: str) -> None:
    fixed = ["--experiment", EXPERIMENT, "--evolved", str(folder / "evolved.json")]
    fixed += ["--report", str(folder / "report.json"), "--into", str(folder)]
    monkeypatch.setattr(sys, "argv", ["ship", "constant", *fixed, *words])
    ship.main()


def test_validation_alone_chooses(
    monkeypatch: pytest.MonkeyPatch, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shipped(monkeypatch, folder, "--what", "A constant.", "--words", "always the same.")
    assert "run-2.safetensors, gain on validation +0.0300 of 3 losses" in capsys.readouterr().out
    chosen, copied = folder / "run-2.safetensors", folder / "constant.safetensors"
    assert copied.read_bytes() == chosen.read_bytes()
    card = Card.from_json((folder / "constant.json").read_text())
    assert (card.choice.gain, card.choice.among, card.choice.tasks) == (0.03, 3, 48)
    assert card.evolution.run == 2
    assert card.formula[0] == "q = .2"
    assert not card.needs_total_steps
    assert [(each.baseline, each.verdict) for each in card.verdicts] == [
        ("ce", "better"),
        ("gce", "worse"),
    ]
    assert card.learning_rate.mean == pytest.approx(2)
    assert card.protocols[0].classes == (2, 10)
    text = (folder / "constant.md").read_text()
    assert text == card.to_markdown()
    assert "none; it works without `total_steps`" in text


def test_what_no_file_tells_is_kept_from_the_card_before(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    words = ("--what", "A constant.", "--words", "always the same.", "--note", "One note.")
    shipped(monkeypatch, folder, *words)
    before = (folder / "constant.json").read_text()
    shipped(monkeypatch, folder)
    assert (folder / "constant.json").read_text() == before
    assert Card.from_json(before).notes == ("One note.",)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "a new loss needs --what and --words"),
        ({"--what": "x", "--words": "x", "--candidate": "mln_9"}, "judges no loss 'mln_9', but"),
    ],
)
def test_what_is_missing_is_one_line_and_nothing_is_written(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, str],
    words: str,
) -> None:
    with pytest.raises(SystemExit) as ended:
        shipped(monkeypatch, folder, *(part for item in change.items() for part in item))
    assert ended.value.code == 2
    assert words in capsys.readouterr().err
    assert list(folder.glob("constant.*")) == []


def test_losses_without_a_validation_are_not_chosen_among() -> None:
    with pytest.raises(ValueError, match="mln_1: has no validation"):
        ship.best([{"loss": "mln_1", "file": "x"}])
