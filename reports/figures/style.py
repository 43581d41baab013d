"""One style for all figures: how each loss looks everywhere, sizes, stable SVG."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeAlias

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from reports.figures import palette

WIDTH, NARROW = 9.6, 5.6
"""Width in inches of a figure for the whole page, and of one that a phone shows without scrolling
and a desktop beside another."""

Dash: TypeAlias = str | tuple[int, tuple[float, ...]]

STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": palette.EDGE,
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": palette.GRID,
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
    "svg.hashsalt": "mln-bench",
}

_BASELINES: tuple[tuple[str, Dash], ...] = (
    (palette.VERMILION, "-"),
    (palette.AMBER, "--"),
    (palette.GREEN, "-."),
    (palette.PINK, ":"),
    (palette.GREY, (0, (5, 1, 1, 1, 1, 1))),
    (palette.BROWN, (0, (1, 1))),
)
_CANDIDATES = (palette.DARK_BLUE, palette.BLUE, palette.LIGHT_BLUE)


@dataclass(frozen=True)
class Look:
    """How one loss is drawn everywhere; `width` of its lines in pt."""

    color: str
    dash: Dash
    width: float


def looks(losses: Sequence[str], candidates: Sequence[str]) -> dict[str, Look]:
    """Each loss's look: shades of blue for the candidates, a colour and dash for every other."""
    others = [name for name in losses if name not in candidates]
    styles = {}
    for place, name in enumerate(others):
        turn, own = divmod(place, len(_BASELINES))
        color = _BASELINES[own][0]
        # More losses than colours: the next round has each colour with another dash.
        dash = _BASELINES[(own + turn) % len(_BASELINES)][1]
        styles[name] = Look(color, dash, 1.6)
    shades = mpl.colors.LinearSegmentedColormap.from_list("candidates", _CANDIDATES)
    for place, name in enumerate(candidates):
        shade = to_hex(shades(place / max(len(candidates) - 1, 1)))
        styles[name] = Look(shade, "-", 2.0)
    return styles


P = ParamSpec("P")


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Let a drawing function use the common style."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with mpl.rc_context(STYLE):
            return draw(*args, **kwargs)

    return drawn


def canvas(
    rows: int, columns: int, height: float, width: float = WIDTH, **settings: Any
) -> tuple[Figure, list[list[Axes]]]:
    """A figure of rows x columns axes, `height` and `width` in inches, outside pyplot."""
    figure = Figure(figsize=(width, height), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, **settings)
    return figure, [list(row) for row in np.atleast_2d(grid)]


def panels(
    count: int, columns: int, height: float, width: float = WIDTH
) -> tuple[Figure, list[Axes]]:
    """A figure of `count` panels in rows of at most `columns`, each `height` inches high."""
    columns = min(columns, max(count, 1))
    rows = -(-max(count, 1) // columns)
    figure, grid = canvas(rows, columns, 0.3 + height * rows, width)
    axes = [panel for row in grid for panel in row]
    for panel in axes[count:]:
        panel.set_axis_off()
    return figure, axes


def svg(figure: Figure) -> str:
    """The figure as an SVG document; the same figure gives the same bytes."""
    stream = io.StringIO()
    with mpl.rc_context(STYLE):
        figure.savefig(stream, format="svg", metadata={"Date": None})
    figure.set_layout_engine("none")  # its layout is done: other formats keep it
    return stream.getvalue()


def pdf(figure: Figure) -> bytes:
    """The figure as a PDF document for LaTeX; the same figure gives the same bytes."""
    stream = io.BytesIO()
    with mpl.rc_context(STYLE):
        # What `savefig` does but for its first, invisible drawing, which settles a layout.
        FigureCanvasPdf(figure).print_pdf(stream, metadata={"CreationDate": None})  # type: ignore[no-untyped-call]
    return stream.getvalue()


def png(figure: Figure) -> bytes:
    """The figure as a PNG file at 150 dots per inch."""
    stream = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(stream, format="png", dpi=150, metadata={"Software": None})
    return stream.getvalue()


def clipped_limit(values: Sequence[float], least: float) -> float:
    """A symmetric axis limit that single extreme values do not stretch; at least `least`.

    Values that are not finite are left out.
    """
    sizes = np.abs(np.asarray([value for value in values if np.isfinite(value)], dtype=float))
    if sizes.size == 0:
        return least or 1.0
    typical = float(np.quantile(sizes, 0.75))
    return max(least, 1.1 * float(sizes[sizes <= 6 * typical].max())) or 1.0


def spread_limits(low: float, high: float) -> tuple[float, float]:
    """Axis limits at both ends, in their order; a little apart where they are one value."""
    if high != low:
        return low, high
    margin = 0.05 * abs(low) or 0.5
    return low - margin, low + margin


def zero_line(axes: Axes, rope: float) -> None:
    """Mark no difference and the region of practical equivalence on a horizontal axis."""
    if rope > 0:
        axes.axvspan(-rope, rope, color=palette.SHADE, zorder=0)
    axes.axvline(0, color=palette.INK, linewidth=0.9, zorder=1)
