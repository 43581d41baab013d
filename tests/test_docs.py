"""The documents as a site: it builds without a warning, and its generated pages are whole."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT

from bench.experiment.model import shipped


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    # A warning is a link without a target, a page in no menu, a block that cannot be read.
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-d", folder / "trees", "-b", "html"]
    ended = subprocess.run(
        [*command, ROOT / "docs", folder / "html"], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return folder / "html"


def test_every_key_and_every_experiment_has_its_place(site: Path) -> None:
    keys = (site / "_generated" / "keys.html").read_text(encoding="utf-8")
    for section in ("evolution.settings.genetic", "benchmark.training", "tuning", "report"):
        assert f"[{section}]" in keys
    assert "independent evolution runs" in keys
    experiments = (site / "_generated" / "experiments.html").read_text(encoding="utf-8")
    assert all(f">{name}<" in experiments for name in shipped())
    catalogue = (site / "_generated" / "catalogue.html").read_text(encoding="utf-8")
    assert all(name in catalogue for name in ("label_drift", "label_smoothing", "resnet20"))


def test_a_page_needs_no_network(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="https?://', text), page.name


def test_what_scrolls_is_reached_by_the_keyboard_and_headings_have_levels(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert "<pre>" not in text, page.name
        assert 'role="heading">' not in text, page.name
