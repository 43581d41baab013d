"""The examples run: a training loop outside the suite, its results judged, and its notebook."""

import json
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
import torch
from places import ROOT

from reports import significance

OWN = ROOT / "examples" / "own_results"
FASHION = ROOT / "examples" / "noisy_fashion"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the example."""
    shutil.copytree(OWN, tmp_path / "own", ignore=shutil.ignore_patterns("report"))
    return tmp_path / "own"


def test_a_loop_outside_the_suite_writes_what_report_reads(folder: Path) -> None:
    words = ["train.py", "--seeds", "2", "--steps", "3", "--out", "few.csv"]
    subprocess.run([sys.executable, *words], cwd=folder, check=True)
    shipped = (folder / "results.csv").read_text().splitlines()
    written = (folder / "few.csv").read_text().splitlines()
    assert written[0] == shipped[0]
    assert len(written) - 1 == (len(shipped) - 1) * 2 // 12
    judged = significance(folder / "few.csv", metric="accuracy", baselines=["ce"])
    assert set(judged.comparisons["verdict"]) == {"refused"}  # two seeds are too few
    assert len(judged.comparisons) == 2 * 2 * 2  # tasks, candidates, policies


def test_the_loop_imports_nothing_of_the_suite() -> None:
    source = (OWN / "train.py").read_text()
    assert not any(f"import {name}" in source for name in ("mln", "bench", "reports", "studies"))
    assert not any(f"from {name}" in source for name in ("mln", "bench", "reports", "studies"))


@pytest.mark.slow
def test_the_notebook_shows_what_its_cells_give_now(folder: Path) -> None:
    """Executed as a user would, in a process of its own; its stored outputs must be the same."""
    execute = (
        "import nbformat; from nbclient import NotebookClient;"
        "book = nbformat.read('own_results.ipynb', 4);"
        "NotebookClient(book, timeout=300, record_timing=False).execute(cwd='.');"
        "nbformat.write(book, 'again.ipynb')"
    )
    subprocess.run([sys.executable, "-c", execute], cwd=folder, check=True, capture_output=True)
    stored, again = (
        nbformat.read(folder / name, 4) for name in ("own_results.ipynb", "again.ipynb")
    )
    assert len(stored.cells) == len(again.cells)
    shown = []
    for before, after in zip(stored.cells, again.cells, strict=True):
        if before.cell_type == "code":
            assert before.outputs == after.outputs, before.source
            shown += [output["data"] for output in after.outputs]
    assert any("<table>" in data.get("text/html", "") for data in shown)
    assert (folder / "report" / "report.html").is_file()


def idx(values: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]") -> bytes:
    """Bytes in the format of MNIST's files."""
    sizes = np.array(values.shape, ">i4").tobytes()
    return bytes((0, 0, 8, values.ndim)) + sizes + values.tobytes()


def test_an_evolved_loss_in_a_plain_loop_on_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    for part, size in (("train", 64), ("t10k", 30)):
        y = rng.integers(0, 10, size).astype(np.uint8)
        x = (rng.integers(0, 100, (size, 28, 28)) + 15 * y[:, None, None]).astype(np.uint8)
        (tmp_path / f"{part}-images-idx3-ubyte").write_bytes(idx(x))
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(idx(y))
    script = str(FASHION / "train.py")
    words = ["--data", str(tmp_path), "--seeds", "2", "--steps", "3", "--pictures", "40"]
    monkeypatch.setattr(sys, "argv", [script, *words])
    runpy.run_path(script, run_name="__main__")
    *each, last = capsys.readouterr().out.splitlines()
    rows = [re.fullmatch(r"seed (\d) +(\w+) +rate \S+ +test accuracy (\S+) %", x) for x in each]
    found = {(row[1], row[2]): float(row[3]) for row in rows if row}
    assert set(found) == {(seed, loss) for seed in "01" for loss in ("ce", "adaptive")}
    gain = np.mean([found[seed, "adaptive"] - found[seed, "ce"] for seed in "01"])
    stated = re.match(r"adaptive minus ce: (\S+) points of test accuracy, 95 % interval \[", last)
    assert stated is not None
    assert float(stated[1]) == pytest.approx(gain, abs=0.011)
    monkeypatch.setattr(sys, "argv", [script, "--data", str(tmp_path / "gone")])
    with pytest.raises(SystemExit, match="no such file; give the folder"):
        runpy.run_path(script, run_name="__main__")


def test_the_lines_of_the_page_on_shipped_losses_train(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "pretrained.md").read_text()
    first, second = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    names: dict[str, Any] = {}
    torch.manual_seed(0)
    exec(compile(first, "pretrained.md", "exec"), names)
    right = names["model"](names["x"].float() / 16).argmax(1) == names["y"]
    assert right.float().mean() > 0.9
    exec(compile(second, "pretrained.md", "exec"), {})


@pytest.mark.slow
def test_processes_share_a_loss_as_one_process_has_it() -> None:
    """By gloo: every process ends with the same weights and state, near those of whole batches."""

    def run(processes: int) -> dict[str, Any]:
        words = ["examples/distributed/train.py", "--processes", str(processes), "--steps", "60"]
        command = [sys.executable, *words]
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    two, one = run(2), run(1)
    assert two["apart"] == 0
    np.testing.assert_allclose(two["memory"], one["memory"], atol=0.02)
    assert two["accuracy"] == pytest.approx(one["accuracy"], abs=0.03)
