"""Making the next thing while the present one is used: tasks are drawn while a device trains."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")


class Ahead(Generic[T]):
    """Things 0, 1, ..., each made by a pure function of its number.

    ahead: whether the next one is made in a thread while the last one is used. It gains where that
    one waits for a device; on a processor both would share it.
    """

    def __init__(self, make: Callable[[int], T], *, ahead: bool) -> None:
        self.make = make
        self._thread = ThreadPoolExecutor(1, "ahead") if ahead else None
        self._next: tuple[int, Future[T]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)

    def get(self, number: int, *, more: bool) -> T:
        """The thing of this number; more: whether that after it will be asked for.

        Raises what making it raised.
        """
        waiting, self._next = self._next, None
        if waiting is not None and waiting[0] == number:
            made = waiting[1].result()
        else:
            made = self.make(number)
        if more and self._thread is not None:
            self._next = number + 1, self._thread.submit(self.make, number + 1)
        return made
