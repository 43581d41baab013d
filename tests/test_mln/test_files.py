"""Learned losses as files."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from mln import LossSpec, MetaLoss
from mln.files import FORMAT, LossFileError
from mln.layout import layout

LOGITS = torch.from_numpy(np.random.default_rng(0).standard_normal((6, 4))).float()
LABELS = torch.tensor([0, 1, 2, 3, 0, 1])


def test_a_saved_loss_is_the_same_loss(tmp_path: Path) -> None:
    spec = LossSpec(hidden=5)
    genome = np.random.default_rng(2).standard_normal(layout(spec).size).astype(np.float32)
    loss = MetaLoss(spec, genome)
    loss.save(tmp_path / "loss.safetensors", {"seed": 7})
    again = MetaLoss.load(tmp_path / "loss.safetensors")
    assert again.spec == spec
    assert again.provenance == {"seed": 7}
    assert torch.equal(again(LOGITS, LABELS), loss(LOGITS, LABELS))


def test_a_file_of_version_1_is_read_with_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "loss.safetensors"
    genome = np.random.default_rng(2).standard_normal(21).astype(np.float32)
    about = {"version": 1, "spec": {"hidden": 5, "start": "imitation"}, "provenance": {"seed": 7}}
    save_file({"genome": genome}, path, {FORMAT: json.dumps(about)})
    loss = MetaLoss.load(path)
    assert loss.spec == LossSpec(hidden=5)
    assert torch.equal(loss(LOGITS, LABELS), MetaLoss(LossSpec(hidden=5), genome)(LOGITS, LABELS))
    about["version"] = 4
    save_file({"genome": genome}, path, {FORMAT: json.dumps(about)})
    with pytest.raises(LossFileError, match="version 4 of the format"):
        MetaLoss.load(path)


def test_a_hyper_loss_is_refused_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "loss.safetensors"
    about = {"version": 2, "spec": {"kind": "hyper", "state": []}, "provenance": {}}
    save_file({"genome": np.zeros(4, np.float32)}, path, {FORMAT: json.dumps(about)})
    with pytest.raises(LossFileError, match="evolve one of kind 'adaptive' in its place") as info:
        MetaLoss.load(path)
    assert len(str(info.value).splitlines()) == 1


def test_foreign_and_damaged_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "loss.safetensors"
    with pytest.raises(LossFileError, match="cannot be read"):
        MetaLoss.load(path)
    path.write_bytes(b"not a tensor file")
    with pytest.raises(LossFileError, match="not a loss file"):
        MetaLoss.load(path)
    save_file({"x": np.zeros(3, np.float32)}, path)
    with pytest.raises(LossFileError, match="not a loss of MLN-Bench"):
        MetaLoss.load(path)
    MetaLoss().save(path)
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(LossFileError, match="damaged"):
        MetaLoss.load(path)
