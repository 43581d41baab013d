"""What a GPU does: checks of its kernels, and their speed, in one run of a few minutes.

    python measurements/gpu.py --out DIR [--device cuda] [--minutes 5] [--only captured,pictures]

It needs torch, numpy, scipy, pandas and this checkout; what else is missing is left out by name.
Written to DIR, every few seconds: gpu.json and gpu.md. A part is a process of its own, as some
errors leave a process without its device. `--device cpu` runs everything on Triton's interpreter,
with tiny populations: a rehearsal, whose figures mean nothing.
"""

import argparse
import gc
import json
import os
import platform
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from copy import copy
from dataclasses import asdict
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
if "cpu" in sys.argv:
    os.environ["TRITON_INTERPRET"] = "1"  # read when triton is imported
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

USED = ("triton", "sklearn", "filelock", "safetensors", "jax", "pydantic", "sqlalchemy")
PARTS = {
    "captured": 30,
    "checks": 60,
    "pictures": 90,
    "explore": 100,
    "speeds a": 45,
    "speeds b": 60,
    "speeds stateful": 60,
    "speeds c": 60,
    "evolution": 60,
    "jax": 40,
}
"""Processes, and the seconds that each has at most."""

KEPT = ("sections", "errors", "seconds", "skipped", "ceilings")
COMPILED_BEFORE = "pictures"
"""Variants of the Triton kernel are compiled beside the parts before this one, which times."""


class Run:
    """What was found so far, and the time that is left for more."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.began = options, time.perf_counter()
        self.device, self.rehearsal = options.device, options.device == "cpu"
        self.out = Path(options.out)
        self.out.mkdir(parents=True, exist_ok=True)
        self.lost = False
        self.found: dict[str, Any] = {"sections": {}, "skipped": [], "errors": {}}

    def say(self, text: str) -> None:
        """A line of progress with the seconds since the start."""
        print(f"[{time.perf_counter() - self.began:6.1f} s] {text}", flush=True)

    def skip(self, text: str) -> None:
        """Something left out, by name."""
        self.found["skipped"].append(text)
        self.say(f"left out: {text}")

    def left(self) -> float:
        """Seconds that are left."""
        return 60 * float(self.options.minutes) - (time.perf_counter() - self.began)

    def section(self, name: str, work: Callable[["Run"], Any]) -> None:
        """Do one part; whatever it raises is recorded."""
        self.say(f"section {name}")
        if self.left() < 5:
            self.skip(f"section {name}: out of time")
            return
        began = time.perf_counter()
        try:
            self.found["sections"][name] = work(self)
        except Exception as error:
            self.found["errors"][name] = traceback.format_exc()
            self.say(f"section {name} failed: {type(error).__name__}: {error}")
        self.found.setdefault("seconds", {})[name] = time.perf_counter() - began
        self.write()

    def attempt(self, name: str, work: Callable[[], Any]) -> Any:
        """The result of one measurement, or None where it fails."""
        if self.lost:
            self.skip(f"{name}: the device was lost before")
            return None
        try:
            return work()
        except Exception as error:
            self.found["errors"][name] = traceback.format_exc()
            self.say(f"{name} failed: {type(error).__name__}: {str(error)[:300]}")
        self.lost = not self._usable()
        return None

    def _usable(self) -> bool:
        import torch

        if not self.device.startswith("cuda"):
            return True
        try:
            gc.collect()
            torch.cuda.empty_cache()
            torch.zeros(1, device=self.device).add_(1).cpu()
        except RuntimeError:
            return False
        return True

    def write(self) -> None:
        """Keep everything so far."""
        from measurements.gpu_text import markdown

        # Renamed into place: it may be read, or this process killed, at any time.
        part = self.out / "gpu.json.tmp"
        part.write_text(json.dumps(self.found, indent=1, default=str))
        part.replace(self.out / "gpu.json")
        (self.out / "gpu.md").write_text(markdown(self.found))


def about(run: Run) -> dict[str, Any]:
    """The machine and the versions on it."""
    import numpy
    import torch

    for name in USED:
        if find_spec(name) is None:
            run.skip(f"{name} is not installed")
    facts: dict[str, Any] = {
        "date": time.strftime("%Y-%m-%d"),
        "device": run.device,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
    }
    if find_spec("triton") is not None:
        import triton

        facts["triton"] = triton.__version__
    if run.device.startswith("cuda"):
        properties = torch.cuda.get_device_properties(run.device)
        facts["device model"] = properties.name
        facts["multiprocessors"] = properties.multi_processor_count
        facts["device memory GB"] = properties.total_memory / 1e9
    from bench.cells.provenance import processor

    facts["processor"] = processor()
    run.say(str(facts))
    return facts


def checks(run: Run) -> dict[str, Any]:
    """The device's kernels against autograd in float64 on the CPU, and against themselves."""
    from measurements.gpu_checks import agreement, independence

    return {"agreement": agreement(run), "independence": independence(run)}


def speeds(run: Run, chosen: str) -> list[dict[str, Any]]:
    """Member-steps per second of every design: of cases with a plain network, or "stateful"."""
    from bench.speed import device as timing
    from bench.speed.on_device import Timing, described
    from bench.speed.on_device import rows as measured

    populations = (2, 4) if run.rehearsal else timing.POPULATIONS
    steps = 2 if run.rehearsal else None
    size, copied = (256, 2**20) if run.rehearsal else (timing.MATRIX_SIZE, timing.COPIED_BYTES)
    most = timing.ceilings(run.device, size, copied)
    run.found["ceilings"] = most._asdict()
    run.say(f"{most.flops / 1e12:.2f} TFLOP/s float32, {most.bytes / 1e12:.3f} TB/s copied")
    stateful = chosen == "stateful"
    works = [
        work
        for work in timing.works("b" if stateful else chosen, ("sgd", "adam"), populations)
        if (work.loss == "network") != stateful
    ]
    how = Timing(run.device, steps=steps, interpreted=run.rehearsal)
    rows: list[dict[str, Any]] = []
    for row in measured(works, most, how, run):
        rows.append(asdict(row))
        run.say(described(row))
        run.found["sections"][f"speeds {chosen}"] = rows
        run.write()
    return rows


def prebuild() -> None:
    """Build the CPU's compiled kernel while the device is looked at."""
    from mln.kernels.native.build import BuildError, Variant, compiled

    try:
        for adam in (False, True):
            compiled(Variant(adam, "NARROW"))
            compiled(Variant(adam, "WIDE"))
            compiled(Variant(adam, "IMAGES"))
    except (BuildError, ImportError):  # said where the kernel is asked for
        return


def run_part(run: Run, name: str) -> None:
    """One part, in this process."""
    from measurements.gpu_explore import captured, compile_variant, explore
    from measurements.gpu_more import evolution, jax
    from measurements.gpu_pictures import pictures

    if name.startswith("compile "):
        run.attempt(name, partial(compile_variant, run, name.partition(" ")[2]))
        return
    works: dict[str, Callable[[Run], Any]] = {
        "captured": captured,
        "checks": checks,
        "pictures": pictures,
        "explore": explore,
        "evolution": evolution,
        "jax": jax,
    }
    run.section(name, works.get(name) or partial(speeds, chosen=name.split()[1]))


def started(run: Run, name: str, seconds: float, out: Path) -> subprocess.Popen[bytes]:
    """The process of a part."""
    command = [sys.executable, __file__, "--part", name, "--out", str(out)]
    command += ["--device", run.device, "--minutes", str(seconds / 60)]
    return subprocess.Popen(command)


def in_process(run: Run, name: str, seconds: float) -> None:
    """One part in a process of its own; what it found is kept as it goes."""
    seconds = min(seconds, run.left() - 5) if not run.rehearsal else 600
    if seconds < 12:
        run.skip(f"{name}: out of time")
        return
    run.say(f"part {name}, at most {seconds:.0f} s")
    found = {key: copy(run.found.get(key)) for key in KEPT}
    with TemporaryDirectory() as folder:
        part, until = started(run, name, seconds, Path(folder)), time.monotonic() + seconds + 10
        while part.poll() is None and time.monotonic() < until:
            with suppress(subprocess.TimeoutExpired):
                part.wait(2)
            merge(run, found, Path(folder))
        if part.poll() is None:
            part.kill()
            part.wait()
            run.found["errors"][f"part {name}"] = f"more than {seconds:.0f} s"
        elif part.returncode:
            run.found["errors"][f"part {name}"] = f"exit code {part.returncode}"
    run.write()


def merge(run: Run, before: dict[str, Any], folder: Path) -> None:
    """Add what a part has written so far to what was found before it, and keep that."""
    try:
        part = json.loads((folder / "gpu.json").read_text())
    except (OSError, ValueError):  # not yet, or just being written
        return
    for key in ("sections", "errors", "seconds"):
        run.found[key] = {**(before[key] or {}), **part.get(key, {})}
    run.found["skipped"] = [*before["skipped"], *part["skipped"]]
    if part.get("ceilings") or before["ceilings"]:
        run.found["ceilings"] = before["ceilings"] or part["ceilings"]
    run.write()


def compiling(run: Run) -> list[subprocess.Popen[bytes]]:
    """Processes that compile the variants of the Triton kernel."""
    from measurements.gpu_explore import variants

    if run.rehearsal or find_spec("triton") is None:
        return []
    folder = Path(mkdtemp())
    return [
        started(run, f"compile {name}", 120, folder / str(number))
        for number, name in enumerate(variants())
    ]


def compiled(run: Run, processes: list[subprocess.Popen[bytes]], seconds: float) -> None:
    """Wait until all have ended, or so long; those that have not are ended."""
    until = time.monotonic() + seconds
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(until - time.monotonic(), 0.1))
    slow = [process for process in processes if process.poll() is None]
    for process in slow:
        process.kill()
        process.wait()
    run.say(f"{len(processes) - len(slow)} of {len(processes)} variants compiled")


def main() -> None:
    """Run all sections."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--minutes", type=float, default=6)
    parser.add_argument("--only", help=f"comma-separated names of parts: {', '.join(PARTS)}")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--jax", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.jax:
        from measurements.gpu_more import jax_child

        jax_child(options.jax, options.device == "cpu")
        return
    run = Run(options)
    if options.part:
        run_part(run, options.part)
        return
    threading.Thread(target=prebuild, daemon=True).start()
    run.section("about", about)
    parts = [name for name in PARTS if not options.only or name in options.only.split(",")]
    processes = compiling(run) if "explore" in parts else []
    for name in parts:
        if list(PARTS).index(name) >= list(PARTS).index(COMPILED_BEFORE) and processes:
            compiled(run, processes, 45)
            processes = []
        in_process(run, name, PARTS[name])
    run.say("done")
    print((run.out / "gpu.md").read_text(), flush=True)


if __name__ == "__main__":
    main()
