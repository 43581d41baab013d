"""The recipes of docs/extending.md are followed, block by block, and what they add works."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from places import ROOT

PACKAGES = ("mln", "bench", "studies", "reports")
WHERE = re.compile(
    r"^(?:At the end of|A new file|In) `(?P<file>[^`]+)`"
    r"(?:, (?P<how>after|before|in place of) `(?P<line>[^`]+)`)?:$\n```python\n(?P<text>.*?)```$",
    flags=re.MULTILINE | re.DOTALL,
)
EXPERIMENT = """
name = "recipes"
[evolution]
runs = 1
families = ["stripes"]
[evolution.settings]
mode = "es"
budget = 6000
population = 6
tasks_per_generation = 2
[evolution.settings.training]
steps = 20
[evolution.settings.strategy]
kind = "comma"
[benchmark]
tasks = ["stripes"]
losses = ["ce", "squared_miss"]
seeds = 6
[benchmark.training]
steps = 20
[tuning]
rates = [0.01, 0.1]
[report]
metric = "early_accuracy"
baselines = ["ce"]
"""


class Block(NamedTuple):
    """Text, and where it goes: at the end of a file, or at the line that begins with `line`."""

    file: str
    how: str | None
    line: str | None
    text: str


def blocks() -> list[Block]:
    text = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    return [Block(**match.groupdict()) for match in WHERE.finditer(text)]


def follow(block: Block, root: Path) -> None:
    path = root / block.file
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    if block.line is None:
        gap = "\n\n" if before else ""
        path.write_text(before + gap + block.text, encoding="utf-8")
        return
    lines = before.splitlines(keepends=True)
    [at] = [k for k, line in enumerate(lines) if line.startswith(block.line)]
    first, last = {"after": (at + 1, at + 1), "before": (at, at)}.get(block.how or "", (at, at + 1))
    path.write_text("".join([*lines[:first], block.text, *lines[last:]]), encoding="utf-8")


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the packages with all recipes followed."""
    root = tmp_path_factory.mktemp("extended")
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, root / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    for block in blocks():
        follow(block, root)
    return root


def run(root: Path, code: str, *words: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


VERB = "from bench.cli.app import main; main()"


def test_every_starred_recipe_has_blocks() -> None:
    text = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    recipes = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    starred = [recipe for recipe in recipes if recipe.partition("\n")[0].endswith("*")]
    assert len(starred) == 5
    assert all(WHERE.search(recipe) for recipe in starred)
    assert sum(len(WHERE.findall(recipe)) for recipe in starred) == text.count("```python")


def test_files_that_a_recipe_names_exist() -> None:
    text = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    new = {block.file for block in blocks() if not (ROOT / block.file).exists()}
    assert new == {"mln/search/one_plus_one.py"}
    named = set(re.findall(r"`((?:mln|bench|reports|studies|tests)/[\w/.]*)`", text)) - new
    assert len(named) > 30
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_the_new_loss_and_task_conform(extended: Path) -> None:
    run(
        extended,
        "from bench.testing import LOSS_CHECKS, TASK_CHECKS\n"
        "for check in LOSS_CHECKS: check('squared_miss')\n"
        "for check in TASK_CHECKS: check('stripes')\n",
    )


def test_the_new_search_algorithm_is_one_of_those_a_study_tunes(extended: Path) -> None:
    domain = run(
        extended,
        "from studies.space import SPACE, STRATEGY\n"
        "print(next(p.domain for p in SPACE if p.name == STRATEGY))",
    )
    assert "comma" in domain


@pytest.mark.slow
def test_all_of_them_in_one_experiment(extended: Path) -> None:
    (extended / "recipes.toml").write_text(EXPERIMENT, encoding="utf-8")
    run(extended, VERB, "run", "recipes.toml", "--jobs", "1", "--json")
    run(extended, VERB, "report", "recipes.toml", "--out", "report")
    report = json.loads((extended / "report" / "report.json").read_text(encoding="utf-8"))
    assert report["metric"] == "early_accuracy"
    assert {item["candidate"] for item in report["comparisons"]} == {"mln_1"}
    header, *rows = (extended / "report" / "rows.csv").read_text(encoding="utf-8").splitlines()
    assert "early_accuracy" in header.split(",")
    assert any(",squared_miss," in row for row in rows)
    assert (extended / "report" / "figures" / "mean_bars.svg").exists()
    assert 'id="means"' in (extended / "report" / "report.html").read_text(encoding="utf-8")
