"""Progress with time left: bars on a terminal, plain lines otherwise."""

import sys
import time
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

PLAIN_INTERVAL_SECONDS = 5.0


class Reporter(Protocol):
    """Shows how much of a phase is done."""

    def phase(self, name: str, total: int, done: int = 0) -> None:
        """A new phase of `total` units begins, `done` of them finished earlier."""
        ...

    def advance(self, units: int, note: str = "") -> None:
        """So many more units of the current phase are done."""
        ...


class Silent:
    """Shows nothing."""

    def phase(self, name: str, total: int, done: int = 0) -> None:
        """Do nothing."""

    def advance(self, units: int, note: str = "") -> None:
        """Do nothing."""


class Live:
    """Progress on standard error; use it as a context manager."""

    def __init__(self) -> None:
        self.console = Console(stderr=True)
        self.bars = Progress(
            TextColumn("{task.description:<22}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self._bar: TaskID | None = None
        self._name, self._total, self._done = "", 0, 0
        self._started = self._printed = 0.0
        self._warm: tuple[float, int] | None = None

    def __enter__(self) -> Self:
        self.bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bars.stop()

    def phase(self, name: str, total: int, done: int = 0) -> None:
        """Begin a phase: a new bar, or a line."""
        self._name, self._total, self._done = name, total, done
        self._started = self._printed = time.monotonic()
        self._warm = None
        if self.console.is_terminal:
            self._bar = self.bars.add_task(name, total=total, completed=done, note="")
        else:
            earlier = f", {done / total:.0%} of it done earlier" if done else ""
            self._line(f"{name}: started{earlier}")

    def advance(self, units: int, note: str = "") -> None:
        """Move on: a terminal's bar, else a line at first, every few seconds and at the end."""
        self._done = min(self._done + units, self._total)
        if self._bar is not None:
            self.bars.update(self._bar, completed=self._done, note=note)
            return
        now = time.monotonic()
        finished = self._done >= self._total
        first = self._warm is None
        if first:
            # The first units pay for starting workers and compiling; the estimate does not.
            self._warm = now, self._done
        if first or finished or now - self._printed >= PLAIN_INTERVAL_SECONDS:
            self._printed = now
            tail = f"took {now - self._started:.0f} s" if finished else self._left(now)
            self._line(f"{self._name}: {self._done / self._total:.0%}, {tail} {note}".rstrip())

    def _left(self, now: float) -> str:
        """What the pace since the first units makes of the rest."""
        assert self._warm is not None
        began, done = self._warm
        new = self._done - done
        if not new:
            return "time left not known yet"
        return f"about {(now - began) / new * (self._total - self._done):.0f} s left"

    def update(self, done: int, note: str = "") -> None:
        """Move to `done` units."""
        self.advance(done - self._done, note)

    def notice(self, text: str) -> None:
        """Say something beside the progress."""
        self.bars.console.print(text, markup=False, highlight=False)

    @staticmethod
    def _line(text: str) -> None:
        print(text, file=sys.stderr, flush=True)
