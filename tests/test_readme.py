"""Every command in the README exists with its options, and the quick ones are run."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
from places import ROOT

from bench.cli.app import app
from bench.experiment.model import load

README = (ROOT / "README.md").read_text()
QUICK = ("list", "--help")


def commands() -> list[str]:
    """Lines of the README's shell blocks, without their comments."""
    blocks = re.findall(r"```(?:sh|console)\n(.*?)```", README, flags=re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return [" ".join(shlex.split(line, comments=True)) for line in lines if line.strip()]


MLN = [line.split()[1:] for line in commands() if line.startswith("mln-bench")]
MAKE = [line.split()[1] for line in commands() if line.startswith("make")]


def test_the_readme_speaks_of_commands() -> None:
    assert len(MLN) >= 6
    assert {"demo", "test"} <= set(MAKE)


@pytest.mark.parametrize("words", MLN, ids=" ".join)
def test_a_command_of_the_readme_exists(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    verbs = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    if words == ["--help"]:
        return
    assert words[0] in verbs
    known = {option for parameter in verbs[words[0]].params for option in parameter.opts}
    for word in words[1:]:
        if word.startswith("--"):
            assert word.partition("=")[0] in known, word
    named = len(words) > 1 and not words[1].startswith("--")  # report --rows has no experiment
    if named and words[0] in ("run", "evolve", "study", "report", "status"):
        overrides = [words[i + 1] for i, word in enumerate(words) if word == "--set"]
        load(words[1], overrides)


@pytest.mark.parametrize("target", MAKE)
def test_a_make_target_of_the_readme_exists(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)


@pytest.mark.parametrize("words", [w for w in MLN if w[0] in QUICK], ids=" ".join)
def test_a_quick_command_of_the_readme_runs(words: list[str], tmp_path: Path) -> None:
    mln_bench = Path(sys.executable).parent / "mln-bench"
    ended = subprocess.run(
        [mln_bench, *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr


def test_the_python_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})
