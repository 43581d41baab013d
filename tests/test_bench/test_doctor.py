"""`doctor` finds what is wrong and names the remedy."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from bench import doctor as doctoring
from bench.cli.app import app
from bench.store.schema import cells
from bench.store.store import SCHEMA_VERSION, Store
from mln.kernels.gpu import interface as gpu
from mln.kernels.native import interface


def doctor(*options: str) -> tuple[int, dict[str, dict[str, Any]]]:
    ended = CliRunner().invoke(app, ["doctor", "--json", *options])
    return ended.exit_code, {row["about"]: row for row in json.loads(ended.stdout)}


def test_a_machine_without_results_is_well(tmp_path: Path) -> None:
    code, findings = doctor(f"--storage=sqlite:///{tmp_path}/mln.db", f"--artifacts={tmp_path}/a")
    assert code == 0
    assert {"torch", "kernel analytic", "C++ compiler", "processor", "disk"} <= findings.keys()
    assert findings["storage"]["state"] == "note"
    assert findings["storage"]["remedy"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("models", "state", "found"),
    [
        (["H100", "H100"], "ok", "computes on cuda:0, cuda:1"),
        (["H100", "A100"], "note", "computes on cuda:0; the others are of another model"),
    ],
)
def test_the_cards_that_workers_share_are_named(
    models: list[str], state: str, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(models))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: models[number])
    finding = doctoring._workers()
    assert finding.state == state
    assert found in finding.found


def test_cuda_and_triton_are_found_or_a_reason_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = f"--storage=sqlite:///{tmp_path}/mln.db"
    monkeypatch.setattr(gpu, "find_spec", lambda name: None)
    gpu.unavailable.cache_clear()
    try:
        code, without = doctor(storage)
    finally:
        monkeypatch.undo()
        gpu.unavailable.cache_clear()
    assert code == 0
    assert without["kernel triton"]["state"] == "note"
    assert "triton is not installed" in without["kernel triton"]["found"]
    found = doctor(storage)[1]
    if torch.cuda.is_available():
        assert torch.cuda.get_device_name(0) in found["CUDA"]["found"]
    else:
        assert found["CUDA"]["state"] == found["kernel triton"]["state"] == "note"
        assert "torch is built" in found["CUDA"]["found"]
        assert found["CUDA"]["remedy"]


def test_what_is_wrong_has_a_remedy(tmp_path: Path) -> None:
    about = {"task": "t", "learner": "l", "loss": "ce", "seed": 0, "lr": 0.1, "parameter": None}
    empty: dict[str, Any] = {"inner": {}, "metrics": {}, "curve": {}, "provenance": {}}
    empty |= {"unit": "u", "detail": ""}
    store = Store(f"sqlite:///{tmp_path}/mln.db")
    store.put(cells, [about | empty | {"key": "k", "status": "failed"}])
    store.close()
    stale = tmp_path / "checkpoints" / "old.safetensors"
    stale.parent.mkdir()
    stale.touch()
    os.utime(stale, (0, time.time() - 86_400))
    code, findings = doctor(
        f"--storage={store.url}", f"--artifacts={tmp_path}", f"--data-root={tmp_path}/no"
    )
    assert code == 1
    assert f"schema version {SCHEMA_VERSION}" in findings["storage"]["found"]
    assert findings["cells"]["state"] == "problem"
    assert "1 failed" in findings["cells"]["found"]
    assert findings["checkpoints"]["found"].startswith("1 untouched")
    assert findings["image data"]["state"] == "problem"
    assert all(row["remedy"] for row in findings.values() if row["state"] != "ok")


def test_a_broken_storage_is_a_problem_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "mln.db").write_text("hello " * 500)
    code, findings = doctor(f"--storage=sqlite:///{tmp_path}/mln.db")
    assert code == 1
    assert "not a database" in findings["storage"]["found"]


def test_a_compiler_that_does_not_work_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CXX", "false")
    interface.unavailable.cache_clear()
    try:
        code, findings = doctor(f"--storage=sqlite:///{tmp_path}/mln.db")
    finally:
        interface.unavailable.cache_clear()
    assert code == 0
    assert findings["kernel fused"]["state"] == "note"
    assert "CXX" in findings["kernel fused"]["found"]
