"""Losses that an experiment names by where they are kept."""

from pathlib import Path
from typing import Any

import pytest
import tomli_w
from test_bench.running_here import Here, run_here
from test_bench.tiny import hand_made

from bench.cells.loss_ref import named_losses
from bench.cells.tuning import configurations
from bench.errors import InputError
from bench.experiment.checks import load_checked
from bench.experiment.model import Experiment, load
from bench.keys import digest
from bench.store.schema import units
from mln import MetaLoss
from mln.config import LossSpec
from mln.files import load_loss
from mln.pretrained import loss_path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two losses of the same stem, a third, and a file that is none."""
    (tmp_path / "other").mkdir()
    MetaLoss().save(tmp_path / "mine.safetensors")
    MetaLoss(LossSpec(hidden=3)).save(tmp_path / "other" / "mine.safetensors")
    MetaLoss().save(tmp_path / "ce.safetensors")
    (tmp_path / "wrong.safetensors").write_bytes(b"no loss")
    return tmp_path


def written(folder: Path, *losses: Any, **changes: Any) -> str:
    """An experiment's file, with these losses beside ce and mse."""
    content = hand_made().model_dump(mode="json", exclude_none=True) | changes
    content["benchmark"]["losses"] = ["ce", "mse", *losses]
    path = folder / "experiment.toml"
    path.write_text(tomli_w.dumps(content), encoding="utf-8")
    return str(path)


def identities(experiment: Experiment) -> dict[str, str]:
    assert experiment.benchmark is not None
    refs = named_losses(experiment.benchmark, LossSpec())
    return {ref.name: digest(ref.identity()) for ref in refs}


def test_names_are_those_of_shipped_losses_and_stems_of_files(folder: Path) -> None:
    experiment = load(written(folder, "pretrained:adaptive", "file:mine.safetensors"))
    assert experiment.losses() == ("ce", "mse", "pretrained:adaptive", "mine")
    assert experiment.candidates() == ("pretrained:adaptive", "mine")
    (_, _, shipped, mine) = named_losses(experiment.benchmark, LossSpec())  # type: ignore[arg-type]
    saved = load_loss(loss_path("adaptive"))
    assert (shipped.kind, shipped.spec) == ("mln", saved.spec)
    assert shipped.genome == tuple(map(float, saved.genome))
    assert mine.spec == LossSpec()


def test_a_stem_that_is_taken_is_shown_with_its_path(folder: Path) -> None:
    names = ("file:mine.safetensors", "file:other/mine.safetensors", "file:ce.safetensors")
    experiment = load(written(folder, *names))
    assert experiment.losses() == ("ce", "mse", *names)
    (folder / "mln_1.safetensors").write_bytes((folder / "ce.safetensors").read_bytes())
    assert load(written(folder, "file:mln_1.safetensors")).losses()[2] == "file:mln_1.safetensors"


def test_the_key_follows_what_the_file_holds_and_not_where_it_lies(folder: Path) -> None:
    first = load(written(folder, "file:mine.safetensors"))
    (folder / "deep").mkdir()
    (folder / "deep" / "mine.safetensors").write_bytes((folder / "mine.safetensors").read_bytes())
    moved = load(written(folder, "file:deep/mine.safetensors"))
    assert identities(moved) == identities(first)
    assert moved.fingerprint() == first.fingerprint()
    MetaLoss(LossSpec(hidden=3)).save(folder / "mine.safetensors")
    changed = load(written(folder, "file:mine.safetensors"))
    assert identities(changed)["mine"] != identities(first)["mine"]
    assert identities(changed)["ce"] == identities(first)["ce"]
    assert changed.fingerprint() != first.fingerprint()


def test_an_experiment_without_them_keeps_its_fingerprint(folder: Path) -> None:
    plain = load(written(folder))
    assert "saved_losses" not in plain.model_dump()["benchmark"]
    assert plain.fingerprint() == hand_made().fingerprint()


def test_what_was_read_is_part_of_the_stored_experiment(folder: Path) -> None:
    experiment = load(written(folder, "file:mine.safetensors"))
    (folder / "mine.safetensors").unlink()
    again = Experiment.model_validate(experiment.model_dump(mode="json"))
    assert identities(again) == identities(experiment)
    assert again.fingerprint() == experiment.fingerprint()


def test_a_baseline_is_named_in_the_same_way(folder: Path) -> None:
    name = "file:mine.safetensors"
    report = {"baselines": ["ce", name]}
    experiment = load(written(folder, name, "pretrained:adaptive", report=report))
    assert experiment.report.baselines == ("ce", "mine")
    assert experiment.candidates() == ("pretrained:adaptive",)


@pytest.mark.parametrize(
    ("losses", "words"),
    [
        (["file:gone.safetensors"], r"'file:gone\.safetensors': no such file: .*gone"),
        (["file:wrong.safetensors"], r"wrong\.safetensors: not a loss file, or damaged"),
        (["file:other"], "name a loss file"),
        (["file:"], "name a loss file"),
        (["pretrained:adaptve"], "did you mean 'adaptive'"),
        (["adaptive"], "loss 'adaptive': unknown; did you mean 'pretrained:adaptive'"),
        (["file:ce.safetensors", "file:ce.safetensors"], "'file:ce.safetensors' is named twice"),
        (["pretrained:adaptive", "pretrained:adaptive"], "'pretrained:adaptive' is named twice"),
        (["mine"], "loss 'mine': unknown"),
        (["file:mine.safetensors", 3], "input should be a valid string"),
    ],
)
def test_what_cannot_be_used_is_one_line(folder: Path, losses: list[Any], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        load_checked(written(folder, *losses))
    assert "\n" not in str(caught.value)


def test_a_loss_for_four_classes_is_refused_on_three(folder: Path) -> None:
    spec = LossSpec(scope="vector", classes=4)
    MetaLoss(spec).save(folder / "four.safetensors")
    with pytest.raises(InputError, match="loss 'four': its number of classes is 4, but task"):
        load_checked(written(folder, "file:four.safetensors"))


def test_saved_losses_by_hand_must_fit_the_names() -> None:
    saved = {"mine": {"spec": {}, "genome": [0.0]}}
    with pytest.raises(ValueError, match="saved_losses: 'mine' is not in losses"):
        hand_made(saved_losses=saved)
    with pytest.raises(ValueError, match="saved_losses: 'ce' is the name of another loss"):
        hand_made(saved_losses={"ce": saved["mine"]})


def test_they_are_trained_and_tuned_like_any_other(folder: Path) -> None:
    source = written(folder, "pretrained:adaptive", "file:mine.safetensors")
    experiment = load(source, ["tuning.parameter_values=2"])
    assert experiment.benchmark is not None
    ce, _, shipped, mine = named_losses(experiment.benchmark, LossSpec())
    tried = configurations(experiment.tuning, ce)
    assert tried == configurations(experiment.tuning, shipped)
    assert tried == configurations(experiment.tuning, mine)
    pool = Here()
    store, counts = run_here(experiment, folder, pool)
    assert counts.missing == counts.failed == 0
    assert {cell[1] for cell in pool.cells} == {"ce", "mse", "pretrained:adaptive", "mine"}
    assert len({row["unit"] for row in store.rows(units)}) == 4
    again = Here()
    run_here(load(source, ["tuning.parameter_values=2"]), folder, again)
    assert again.cells == []
