"""Every colour of the figures, those of the dashboard included; the page has its own CSS.

Colours after Okabe and Ito (2008) and, for longer lists, seaborn's palette "colorblind": readers
who confuse red and green can tell them apart.
"""

from itertools import cycle, islice

INK, EDGE, FAINT = "#222222", "#555555", "#777777"
GRID, SHADE, PAPER = "#e3e3e3", "#eeeeee", "#ffffff"
"""SHADE: of a region behind the points, as of practical equivalence. PAPER: of hollow points."""

VERMILION, AMBER, GREEN, PINK = "#D55E00", "#E69F00", "#009E73", "#CC79A7"
GREY, BROWN = "#7F7F7F", "#8C6D31"

DARK_BLUE, BLUE, LIGHT_BLUE = "#08306b", "#2171b5", "#6baed6"
"""Of candidates and of what is evolved; no baseline is blue."""

CATEGORIES = (
    "#0173B2", "#DE8F05", "#029E73", "#D55E00", "#CC78BC", "#CA9161", "#FBAFE4", "#949494",
    "#ECE133", "#56B4E9",
)  # fmt: skip
"""For what is neither a candidate nor a baseline."""

VERDICT_INK = {"good": "#1a7f37", "bad": "#b42318", "even": "#1d5fa8", "warn": "#8a5a00"}
"""Of verdicts in a notebook, on light and on dark paper: the page's stylesheet is not there."""

DIVERGING, DENSITY, SEQUENTIAL = "vlag_r", "Blues", "viridis"
"""Colour maps: signed values (seaborn), shares of points (matplotlib), values (any library)."""


def category_colors(count: int) -> list[str]:
    """`count` colours in their order, from the first again where there are too few."""
    return list(islice(cycle(CATEGORIES), count))
