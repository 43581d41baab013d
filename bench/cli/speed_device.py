"""The verb `speed` with --device: populations on a GPU beside one core."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from math import isfinite
from typing import NamedTuple, TypeVar

import typer

from bench.cli.console import print_errors, print_json, print_rows
from bench.errors import InputError, nearest

T = TypeVar("T")

DEVICE_CASES = ("a", "b", "c", "d")


class Wanted(NamedTuple):
    """What is to be measured; populations as they were typed."""

    device: str
    cases: Sequence[str]
    optimizers: Sequence[str]
    designs: Sequence[str] | None
    populations: Sequence[str]
    seconds: float


class _Watch:
    """Says what is left out, and notes what fails."""

    def __init__(self) -> None:
        self.failed: list[str] = []

    def attempt(self, name: str, call: Callable[[], T]) -> T | None:
        """The result of one measurement, or None where it failed, as for want of memory."""
        try:
            return call()
        except RuntimeError as error:
            self.failed.append(f"{name}: {str(error).splitlines()[0]}")
            return None

    def skip(self, text: str) -> None:
        """Something is left out."""
        typer.echo(f"left out: {text}", err=True)

    def left(self) -> float:
        """Seconds that are left for more: there is no limit."""
        return float("inf")


def speed_on_device(wanted: Wanted, as_json: bool) -> None:
    """Measure a device and print the figures; exit code 1 where a measurement failed.

    Raises InputError where the device cannot be used or something is named that there is not.
    """
    from bench.experiment.checks import check_device
    from bench.speed import device as timing
    from bench.speed.on_device import DESIGNS, Timing, described, rows, table

    designs = DESIGNS if wanted.designs is None else wanted.designs
    for name in designs:
        if name not in DESIGNS:
            raise InputError(f"--designs: {name!r} is unknown on a device{nearest(name, DESIGNS)}")
    populations = [_population(word) for word in wanted.populations]
    if not (wanted.cases and wanted.optimizers and designs and populations):
        raise InputError("--cases, --optimizers, --designs, --populations must name something")
    if not isfinite(wanted.seconds):
        raise InputError(f"--seconds: must be a finite number, not {wanted.seconds}")
    check_device(wanted.device)
    most = timing.ceilings(wanted.device)
    how = Timing(wanted.device, designs, wanted.seconds)
    watch = _Watch()
    measured = []
    works = timing.works(wanted.cases, wanted.optimizers, populations)
    for row in rows(works, most, how, watch):
        measured.append(row)
        typer.echo(described(row), err=True)
    if as_json:
        print_json([asdict(row) for row in measured])
    else:
        title = (
            f"{timing.name_of(wanted.device)}: {most.flops / 1e12:.1f} TFLOP/s in float32, "
            f"{most.bytes / 1e12:.2f} TB/s copied"
        )
        print_rows(table(measured), False, title)
    print_errors(watch.failed)
    raise typer.Exit(1 if watch.failed else 0)


def _population(word: str) -> int:
    if not word.isdigit() or int(word) < 1:
        raise InputError(f"--populations: {word!r} is no number of members; give 64,1024, say")
    return int(word)
