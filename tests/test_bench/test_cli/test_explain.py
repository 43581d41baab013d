"""The verb `explain`."""

import json
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pytest
from test_bench.test_cli.calling import Cli

from bench.cli.explain import found
from mln import MetaLoss
from mln.pretrained import facts, loss_path


class Text(HTMLParser):
    """What a reader sees, and which files the page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.fetched: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        links = [value for name, value in attrs if name in ("src", "href", "xlink:href") and value]
        self.fetched += [link for link in links if not link.startswith("#")]

    def handle_data(self, data):
        self.text += data


def test_the_verb_writes_a_page_that_stands_alone(
    run_cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    MetaLoss().save("<i>odd.safetensors", {"experiment": "<script>x</script>"})
    code, out, _ = run_cli("explain", "<i>odd.safetensors", "--json")
    assert code == 0
    folder = Path("runs/explain/<i>odd")
    stored = json.loads((folder / "explain.json").read_text())
    printed = json.loads(out)
    assert printed["states"] == stored["states"]
    assert {str(path) for path in folder.rglob("*.*")} == set(printed["files"])
    for picture in folder.glob("figures/*.svg"):
        ET.parse(picture)
    for picture in folder.glob("figures/*.png"):
        assert picture.read_bytes().startswith(b"\x89PNG")
    page = Text()
    page.feed((folder / "explain.html").read_text())
    assert not {"script", "i", "link", "img"} & set(page.tags)
    assert page.fetched == []
    assert page.tags.count("svg") == 2
    for words in ("<i>odd", "<script>x</script>", printed["states"][0]["nearest"]["label"]):
        assert words in page.text

    code, out, _ = run_cli("explain", "<i>odd.safetensors", "--out", "there")
    assert code == 0
    assert "nearest" in out
    assert Path("there/explain.html").read_bytes() == (folder / "explain.html").read_bytes()


def test_a_bad_file_is_one_line_and_nothing_is_written(
    run_cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.safetensors").write_text("no loss")
    for name in ("missing.safetensors", "text.safetensors"):
        code, out, err = run_cli("explain", name)
        assert (code, out) == (2, "")
        assert err.startswith(f"error: {name}")
        assert len(err.splitlines()) == 1
    MetaLoss().save("good.safetensors")
    code, _, err = run_cli("explain", "good.safetensors", "--out", "/proc/no")
    assert code == 2
    assert "cannot be written" in err
    assert not Path("runs").exists()


def test_a_loss_is_found_by_name_and_by_path(tmp_path: Path) -> None:
    assert found("adaptive") == found("pretrained:adaptive") == loss_path("adaptive")
    assert found("file:a/b.safetensors") == found("a/b.safetensors") == Path("a/b.safetensors")
    MetaLoss().save(tmp_path / "only.safetensors")
    assert found(str(tmp_path)) == tmp_path / "only.safetensors"


@pytest.mark.slow
def test_a_shipped_loss_is_explained_by_its_name(run_cli: Cli, tmp_path: Path) -> None:
    code, out, _ = run_cli("explain", "pretrained:adaptive", "--out", str(tmp_path / "page"))
    assert code == 0
    assert all(line in out for line in facts("adaptive").formula)
    assert str(loss_path("adaptive").with_suffix(".md")) in out.replace("\n", "")


@pytest.mark.parametrize("name", ["adaptve", "pretrained:adaptve"])
def test_an_unknown_shipped_loss_is_one_line(run_cli: Cli, name: str) -> None:
    code, _, err = run_cli("explain", name)
    assert code == 2
    assert "did you mean 'adaptive'" in err
    assert err.count("\n") == 1
