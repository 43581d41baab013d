"""All designs of a device in turn, beside one core: what `speed --device` and scripts print."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol, TypeVar

from bench.speed import device as timing
from bench.speed.device import Ceilings, DeviceRow, Work

T = TypeVar("T")

DESIGNS = ("triton", "analytic", "reference", "torch.func")


@dataclass(frozen=True)
class Timing:
    """How designs are timed: for about how many seconds each, and at most.

    core_seconds: of one core; steps: instead of the case's; interpreted: whether Triton's
    interpreter stands for a GPU.
    """

    device: str
    designs: Sequence[str] = DESIGNS
    seconds: float = 1.0
    longest: float = 12.0
    core_seconds: float = 0.5
    steps: int | None = None
    interpreted: bool = False


class Watch(Protocol):
    """What becomes of a measurement that fails or is left out."""

    def attempt(self, name: str, call: Callable[[], T]) -> T | None:
        """The result of one measurement, or None where it failed."""
        ...

    def skip(self, text: str) -> None:
        """Something is left out."""

    def left(self) -> float:
        """Seconds that are left for more."""
        ...


def rows(works: Iterable[Work], most: Ceilings, how: Timing, watch: Watch) -> Iterator[DeviceRow]:
    """Time one core and every design on each work, and yield each as it is done.

    A design that would take longer than `how.longest` for two calls, by its speed on a smaller
    population, is left out.
    """
    cores: dict[tuple[str, str, str], float] = {}
    speeds: dict[tuple[str, str, str, str], float] = {}
    for work in works:
        key = work[:3]
        if watch.left() < 15:
            watch.skip(f"speed of {_named(work)}: out of time")
            continue
        if key not in cores:
            row = watch.attempt(
                f"core {key}", partial(timing.core, work, how.core_seconds, how.steps)
            )
            cores[key] = row.member_steps_per_s if row else float("nan")
            if row:
                yield row
        lowest = timing.floor_rate(work, most, how.steps)
        for design in timing.designs(work, how.device, how.interpreted):
            if design not in how.designs:
                continue
            rate = speeds.get((*key, design))
            expected = work.population * (how.steps or timing.steps_of(work))
            if rate and 2 * expected / rate > min(how.longest, watch.left() - 10):
                watch.skip(f"{design} on {_named(work)}: too long at {rate:,.0f} member-steps/s")
                continue
            row = watch.attempt(
                f"{design} {_named(work)}",
                partial(timing.measure, design, work, how.device, how.seconds, how.steps),
            )
            if row is not None:
                rate = speeds[(*key, design)] = row.member_steps_per_s
                yield replace(row, ratio_to_core=rate / cores[key], share_of_floor=rate / lowest)


def _named(work: Work) -> str:
    return f"case {work.case}, {work.optimizer}, {work.loss}, {work.population:,} members"


def described(row: DeviceRow) -> str:
    """A row on one line."""
    ratio = "" if row.ratio_to_core is None else f", {row.ratio_to_core:,.1f} x one core"
    share = "" if row.share_of_floor is None else f", {row.share_of_floor:.1%} of the floor"
    return (
        f"{_named(Work(row.case, row.optimizer, row.loss, row.population))}: {row.design} "
        f"{row.member_steps_per_s:,.0f}/s{ratio}{share}, first call {row.first_call_seconds:.1f} s"
    )


def table(measured: Sequence[DeviceRow]) -> list[dict[str, object]]:
    """Rows for reading."""
    return [
        {
            "case": row.case,
            "optimizer": row.optimizer,
            "loss": row.loss,
            "design": row.design,
            "members": row.population,
            "member-steps/s": round(row.member_steps_per_s),
            "x one core": None if row.ratio_to_core is None else f"{row.ratio_to_core:.1f}",
            "of the floor": None if row.share_of_floor is None else f"{row.share_of_floor:.1%}",
            "first call s": f"{row.first_call_seconds:.2f}",
        }
        for row in measured
    ]
