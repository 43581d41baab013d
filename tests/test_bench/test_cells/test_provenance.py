"""What determines a number is a folder: a change there makes every result missing, never stale."""

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from places import ROOT
from test_bench.tiny import tiny

from bench.cells import provenance
from bench.cells.provenance import FOLDERS, determinants, hash_of, source_hash
from bench.running.evolution import evolution_jobs
from bench.running.runner import Runner
from bench.workers.progress import Silent

PACKAGES = ("mln", "bench", "reports", "studies")


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The sources of all packages, in the place that `source_hash` reads."""
    ignored = shutil.ignore_patterns("__pycache__", "*.safetensors", "*.so")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignored)
    here = SimpleNamespace(files=lambda folder: tmp_path.joinpath(*folder.split(".")))
    monkeypatch.setattr(provenance, "resources", here)
    return tmp_path


def fresh() -> str:
    """The hash of the sources as they are now; `source_hash` reads them once in a process."""
    return source_hash.__wrapped__()


def change(file: Path) -> None:
    """Add a line at the end of a file."""
    content = file.read_bytes()
    assert content
    file.write_bytes(content + b"# changed\n")


def test_a_copy_has_the_hash_of_the_original(copy: Path) -> None:
    original = hash_of(ROOT.joinpath(*folder.split(".")) for folder in FOLDERS)
    assert fresh() == original


@pytest.mark.parametrize(
    "file",
    [
        "mln/rollout.py",
        "mln/kernels/engine.py",
        "bench/tasks/splits.py",
        "bench/tasks/families/synthetic.py",
        "bench/cells/training.py",
        "bench/cells/provenance.py",
        "bench/catalogue/losses.py",
        "bench/catalogue/metrics.py",
    ],
)
def test_a_line_in_a_determining_folder_changes_the_hash(copy: Path, file: str) -> None:
    before = fresh()
    change(copy / file)
    assert fresh() != before


def test_so_does_a_line_of_the_compiled_kernel_and_a_file_of_another_name(copy: Path) -> None:
    hashes = [fresh()]
    sources = sorted(file for file in (copy / "mln").rglob("*") if file.suffix in (".cpp", ".hpp"))
    assert sources
    for file in sources:
        change(file)
        hashes.append(fresh())
    (copy / "bench/tasks/new.py").write_text("")
    hashes.append(fresh())
    (copy / "bench/tasks/new.py").rename(copy / "bench/tasks/families/new.py")
    hashes.append(fresh())
    assert len(set(hashes)) == len(hashes)


@pytest.mark.parametrize("folder", ["bench/cli", "bench/running", "reports", "studies"])
def test_a_line_elsewhere_changes_nothing(copy: Path, folder: str) -> None:
    before = fresh()
    files = sorted(file for file in (copy / folder).rglob("*.py") if file.stat().st_size)
    assert files
    for file in files:
        change(file)
    assert fresh() == before


def keys(folder: Path) -> list[str]:
    """The keys of an experiment's evolutions and cells."""
    unused: Any = None
    experiment = tiny(losses=["ce", "mse"])
    assert experiment.benchmark is not None
    runner = Runner(experiment, unused, folder, unused, Silent())
    units = [runner._unit(trainee) for trainee in runner._trainees(experiment.benchmark, [])]
    jobs = [runner._job(unit, None, [(0, 0.01), (0, 0.1), (1, 0.1)]) for unit in units]
    return [job.key for job in evolution_jobs(experiment, folder)] + [
        member.key for job in jobs for member in job.members
    ]


def test_another_source_is_another_key_of_every_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = keys(tmp_path)
    assert keys(tmp_path) == before
    assert len(set(before)) == len(before)
    monkeypatch.setattr(provenance, "source_hash", lambda: "another")
    assert determinants("cpu", "reference")["source"] == "another"
    after = keys(tmp_path)
    assert len(after) == len(before)
    assert set(after).isdisjoint(before)


def test_another_kernel_device_or_library_is_another_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = determinants("cpu", "reference")
    assert determinants("cuda", "reference") != plain
    assert determinants("cpu", "analytic") != plain
    before = keys(tmp_path)
    other = provenance.versions() | {"numpy": "0.1"}
    monkeypatch.setattr(provenance, "versions", lambda: other)
    assert set(keys(tmp_path)).isdisjoint(before)
    # A library that draws a page determines no number.
    monkeypatch.undo()
    other = provenance.versions() | {"pandas": "0.1"}
    monkeypatch.setattr(provenance, "versions", lambda: other)
    assert keys(tmp_path) == before
