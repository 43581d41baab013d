"""The verb `explain`."""

import json
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pytest
from test_bench.test_cli.calling import Cli

from mln import MetaLoss


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
