"""Every command in the README and the documents exists with its options, and the quick ones are
run; every link between documents has a target."""

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

README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
RUN = [README, *(ROOT / "docs" / f"{name}.md" for name in ("plugins", "criterion", "networks"))]
QUICK = ("list", "--help")


def commands(page: Path) -> list[list[str]]:
    """The words of each line of a page's shell blocks, without comments."""
    blocks = re.findall(r"```(?:sh|console)\n(.*?)```", page.read_text(), flags=re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [words for line in lines if (words := shlex.split(line, comments=True))]


EVERY = [words for page in PAGES for words in commands(page)]
MLN = [words[1:] for words in dict.fromkeys(map(tuple, EVERY)) if words[0] == "mln-bench"]
MAKE = sorted({words[1] for words in EVERY if words[0] == "make"})
LINKS = [
    (page, link)
    for page in PAGES
    for link in re.findall(r"\]\(([^)#][^)]*)\)", page.read_text())
    if "://" not in link
]


@pytest.mark.parametrize(("page", "link"), LINKS, ids=lambda part: str(part).rpartition("/")[2])
def test_a_link_has_a_target(page: Path, link: str) -> None:
    path, _, heading = link.partition("#")
    target = page.parent / path
    assert target.exists()
    if heading:
        headings = re.findall(r"(?m)^#+ (.*)$", target.read_text())
        assert heading in [
            re.sub(r"[^\w -]", "", line.lower()).strip().replace(" ", "-") for line in headings
        ]


def test_the_readme_is_short() -> None:
    assert len(README.read_text().split()) <= 1_100


def test_the_readme_speaks_of_commands() -> None:
    assert len(MLN) >= 6
    assert {"demo", "test"} <= set(MAKE)


@pytest.mark.parametrize("words", MLN, ids=" ".join)
def test_a_command_of_a_page_exists(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    verbs = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    if words[0].startswith("-"):
        return
    assert words[0] in verbs
    known = {option for parameter in verbs[words[0]].params for option in parameter.opts}
    for word in words[1:]:
        if word.startswith("--"):
            assert word.partition("=")[0] in known, word
    named = len(words) > 1 and not words[1].startswith("--")  # report --rows has no experiment
    takes_experiment = ("run", "evolve", "study", "ablate", "report", "status", "show", "probe")
    of_the_user = words[1].endswith(".toml") and not (ROOT / words[1]).exists() if named else True
    if not of_the_user and words[0] in takes_experiment:
        overrides = [words[i + 1] for i, word in enumerate(words) if word == "--set"]
        load(words[1], overrides)


@pytest.mark.parametrize("target", MAKE)
def test_a_make_target_of_the_readme_exists(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)


@pytest.mark.parametrize("words", [w for w in MLN if w[0] in QUICK], ids=" ".join)
def test_a_quick_command_runs(words: tuple[str, ...], tmp_path: Path) -> None:
    mln_bench = Path(sys.executable).parent / "mln-bench"
    ended = subprocess.run(
        [mln_bench, *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.name)
def test_the_python_of_a_page_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, page.name, "exec"), {})
