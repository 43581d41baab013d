"""Colours: each is written once, in the palette."""

import re

from places import ROOT

from reports.figures.palette import CATEGORIES, category_colors

HEX = re.compile(r"[\"']#[0-9a-fA-F]{3,8}[\"']")


def test_no_other_module_writes_a_colour():
    paths = [path for folder in ("reports", "studies") for path in (ROOT / folder).rglob("*.py")]
    with_colours = [path for path in paths if HEX.search(path.read_text(encoding="utf-8"))]
    assert with_colours == [ROOT / "reports" / "figures" / "palette.py"]


def test_no_rule_of_the_page_writes_a_colour():
    css = (ROOT / "reports/page/templates/report.css").read_text(encoding="utf-8")
    rules = re.sub(r":root \{.*?\}", "", css, flags=re.DOTALL)
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b|\brgb\(", rules) == []


def test_more_categories_than_colours_begin_again():
    assert category_colors(3) == list(CATEGORIES[:3])
    assert category_colors(12)[10:] == list(CATEGORIES[:2])
