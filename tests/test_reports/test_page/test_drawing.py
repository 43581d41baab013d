"""Figures drawn by other processes: what happens when one dies, and how they end."""

import os
import signal
import time
from functools import partial
from pathlib import Path
from typing import NoReturn

import pytest
from test_reports.deadly import has_imported, line_in

from reports.page.drawing import SameProcess, begin, drawing_processes, finish
from reports.page.model import Picture


def test_figures_whose_process_dies_are_drawn_by_the_main_process():
    pictures = [Picture(f"line{k}", partial(line_in, os.getpid(), k), "") for k in range(3)]
    expected = [finish(one, begin(one, SameProcess())) for one in pictures]
    with drawing_processes(2) as executor:
        begun = [begin(one, executor) for one in pictures]
        drawings = [finish(one, future) for one, future in zip(pictures, begun, strict=True)]
        # The broken pool takes no more of them.
        late = begin(pictures[0], executor)
        assert finish(pictures[0], late) == expected[0]
    assert drawings == expected


def test_the_processes_start_with_what_they_draw_with():
    with drawing_processes(2) as executor:
        assert executor.submit(os.getpid).result() in executor._processes
        assert executor.submit(has_imported, "seaborn").result()


def blocks_interrupts(pid: int) -> bool:
    """Whether a process has Ctrl-C blocked."""
    [blocked] = [x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if "SigBlk" in x]
    return bool(int(blocked.split()[1], 16) & 1 << (signal.SIGINT - 1))


def draw_until_interrupted() -> NoReturn:
    """Is interrupted with two processes drawing; raises their process numbers."""
    with drawing_processes(2) as executor:
        pids = list(executor._processes)
        assert [blocks_interrupts(pid) for pid in pids] == [True, True]
        assert not blocks_interrupts(os.getpid())
        for _ in range(4):
            executor.submit(time.sleep, 3600)
        raise KeyboardInterrupt(*pids)


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks at processes through /proc")
def test_an_interrupt_ends_all_drawing_and_reaches_only_the_main_process():
    with pytest.raises(KeyboardInterrupt) as caught:
        draw_until_interrupted()
    assert len(caught.value.args) == 2
    assert not any(Path(f"/proc/{pid}").exists() for pid in caught.value.args)
