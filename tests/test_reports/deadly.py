"""A figure over which processes die: in a module that they can import."""

import os
import signal

from matplotlib.figure import Figure

from reports.figures.style import canvas


def line(parent: int, place: float) -> Figure:
    """A line; every process but `parent` dies over it."""
    if os.getpid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    figure, [[panel]] = canvas(1, 1, 2.0)
    panel.plot([0, 1], [place, place])
    return figure
