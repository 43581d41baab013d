"""What drawing processes are asked to do, in a module that they can import."""

import os
import signal
import sys

from matplotlib.figure import Figure

from reports.figures.style import canvas


def line_in(parent: int, place: float) -> Figure:
    """A line; every process but `parent` dies over it."""
    if os.getpid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    figure, [[panel]] = canvas(1, 1, 2.0)
    panel.plot([0, 1], [place, place])
    return figure


def has_imported(module: str) -> bool:
    """Whether the process that is asked has imported a module."""
    return module in sys.modules
