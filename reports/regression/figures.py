"""The figure of a comparison of two runs."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from reports.figures.benchmark import plain
from reports.figures.palette import INK
from reports.figures.style import NARROW, canvas, clipped_limit, styled, zero_line
from reports.verdicts.verdict import Numbers


@styled
def changes(moved: Sequence[tuple[str, Numbers]], rope: float, factor: float, label: str) -> Figure:
    """Mean changes with their intervals, in the given order."""
    figure, grid = canvas(1, 1, 0.8 + 0.24 * len(moved), NARROW)
    panel = grid[0][0]
    zero_line(panel, rope)
    ends = [0.0]
    for place, (_, numbers) in enumerate(moved):
        low, high = numbers.ci_low * factor, numbers.ci_high * factor
        panel.plot([low, high], [place, place], color=INK, lw=1.6)
        panel.plot([numbers.mean_difference * factor], [place], "o", ms=5, color=INK)
        ends += [low, high]
    limit = clipped_limit(ends, 1.5 * rope)
    panel.set_xlim(-1.08 * limit, 1.08 * limit)
    panel.set_yticks(range(len(moved)), [plain(name) for name, _ in moved], fontsize=8)
    panel.set_ylim(len(moved) - 0.5, -0.5)
    panel.grid(visible=False, axis="y")
    panel.set_xlabel(label)
    return figure
