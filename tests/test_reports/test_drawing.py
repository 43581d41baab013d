"""Figures drawn by other processes: who draws them when one dies."""

import os
import signal
from functools import partial

from matplotlib.figure import Figure

from reports.drawing import Here, artists, begin, finish
from reports.material import Picture
from reports.plotting import canvas


def line(parent: int, place: float) -> Figure:
    """A line; every process but `parent` dies over it."""
    if os.getpid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    figure, [[panel]] = canvas(1, 1, 2.0)
    panel.plot([0, 1], [place, place])
    return figure


def test_figures_whose_process_dies_are_drawn_here():
    pictures = [Picture(f"line{k}", partial(line, os.getpid(), k), "") for k in range(3)]
    expected = [finish(one, begin(one, Here())) for one in pictures]
    with artists(2) as executor:
        begun = [begin(one, executor) for one in pictures]
        found = [finish(one, future) for one, future in zip(pictures, begun, strict=True)]
        # The broken pool takes no more of them.
        late = begin(pictures[0], executor)
        assert finish(pictures[0], late) == expected[0]
    assert found == expected
