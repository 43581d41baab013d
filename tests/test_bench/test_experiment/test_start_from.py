"""Evolution that goes on from a loss file."""

from pathlib import Path
from typing import Any

import pytest
import tomli_w
from test_bench.tiny import TINY

from bench.errors import InputError
from bench.experiment.checks import load_checked
from bench.experiment.model import Experiment, load
from bench.running.evolution import evolution_jobs, evolve_job
from mln import MetaLoss
from mln.config import LossSpec
from mln.files import load_loss


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a loss of the tiny experiment's form, and one of another."""
    MetaLoss(LossSpec(hidden=4)).save(tmp_path / "mine.safetensors")
    MetaLoss(LossSpec(hidden=3)).save(tmp_path / "narrow.safetensors")
    return tmp_path


def written(folder: Path, start: Any = None, **sections: Any) -> str:
    """The tiny experiment's file, which goes on from a loss."""
    evolution = TINY["evolution"] | ({} if start is None else {"start_from": start})
    path = folder / "experiment.toml"
    path.write_text(tomli_w.dumps(TINY | {"evolution": evolution} | sections), encoding="utf-8")
    return str(path)


def keys(experiment: Experiment, folder: Path) -> list[str]:
    return [job.key for job in evolution_jobs(experiment, folder)]


def test_the_stored_evolution_is_that_of_the_start(folder: Path) -> None:
    experiment = load(written(folder, "file:mine.safetensors"))
    job = evolution_jobs(experiment, folder)[0]
    further = evolve_job(job).row
    assert further["genome"] == evolve_job(job).row["genome"]
    plain = evolution_jobs(load(written(folder)), folder)[0]
    # From cross-entropy's imitation it starts too where the file holds just that.
    assert further["genome"] == evolve_job(plain).row["genome"]
    assert job.key != plain.key


def test_the_key_follows_what_the_file_holds(folder: Path) -> None:
    first = keys(load(written(folder, "file:mine.safetensors")), folder)
    (folder / "same.safetensors").write_bytes((folder / "mine.safetensors").read_bytes())
    assert keys(load(written(folder, "file:same.safetensors")), folder) == first
    saved = load_loss(folder / "mine.safetensors")
    MetaLoss(saved.spec, saved.genome + 1).save(folder / "mine.safetensors")
    assert keys(load(written(folder, "file:mine.safetensors")), folder) != first


def test_what_was_read_is_part_of_the_experiment(folder: Path) -> None:
    experiment = load(written(folder, "file:mine.safetensors"))
    (folder / "mine.safetensors").unlink()
    again = Experiment.model_validate(experiment.model_dump(mode="json"))
    assert again.fingerprint() == experiment.fingerprint()
    assert keys(again, folder) == keys(experiment, folder)
    assert "start_from" not in load(written(folder)).model_dump()["evolution"]


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ("file:gone.safetensors", r"start_from: 'file:gone\.safetensors': no such file"),
        ("mine.safetensors", "name file:PATH or pretrained:NAME"),
        ("pretrained:adaptve", "did you mean 'adaptive'"),
        ("pretrained:adaptive", "the file's loss has kind = 'adaptive', loss.kind is 'network'"),
        ("file:narrow.safetensors", "the file's loss has hidden = 3, loss.hidden is 4"),
    ],
)
def test_what_cannot_be_gone_on_from_is_one_line(folder: Path, start: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        load_checked(written(folder, start))
    assert "\n" not in str(caught.value)
