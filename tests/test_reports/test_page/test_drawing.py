"""Figures drawn by other processes: who draws them when one dies, and how they end."""

import os
import signal
import time
from functools import partial
from pathlib import Path
from typing import NoReturn

import pytest
from test_reports.deadly import line

from reports.page.drawing import Here, artists, begin, finish
from reports.page.model import Picture


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


def deaf(pid: int) -> bool:
    """Whether a process has Ctrl-C blocked."""
    [line] = [x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if "SigBlk" in x]
    return bool(int(line.split()[1], 16) & 1 << (signal.SIGINT - 1))


def draw_for_ever() -> NoReturn:
    """Is interrupted with two artists at work; raises their process numbers."""
    with artists(2) as executor:
        pids = list(executor._processes)
        assert [deaf(pid) for pid in pids] == [True, True]
        assert not deaf(os.getpid())
        for _ in range(4):
            executor.submit(time.sleep, 3600)
        raise KeyboardInterrupt(*pids)


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks at processes through /proc")
def test_an_interrupt_ends_what_is_drawn_and_no_artist_hears_of_it():
    with pytest.raises(KeyboardInterrupt) as caught:
        draw_for_ever()
    assert len(caught.value.args) == 2
    assert not any(Path(f"/proc/{pid}").exists() for pid in caught.value.args)
