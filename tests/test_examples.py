"""The examples run: a training loop outside the suite, its results judged, and its notebook."""

import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from places import ROOT

from reports import significance

OWN = ROOT / "examples" / "own_results"


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
