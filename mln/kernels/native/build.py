"""Builds the kernel's C++ sources on first use and keeps the result in the user's cache.

A library's name is a hash of all that it depends on: sources, options, compiler and processor.
It is built under another name and moved into place, so that builds which are killed or run at
once leave nothing half-made behind.
"""

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
import time
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Literal, NamedTuple

from filelock import FileLock

from mln.cache_folder import cache_folder

KERNEL, PROBE = "rollout.cpp", "probe.cpp"
CACHE_PART = "kernels"
"""Of the cache."""
# None of these changes the processor's floating-point state, and NaN stays NaN: -fno-math-errno
# and -fno-trapping-math only say that nothing reads errno or uses floating-point traps.
# -O2 is as fast as -O3 here, where the loops that matter are written out, and builds in 2/3 of
# the time.
OPTIONS = ("-std=c++17", "-O2", "-fPIC", "-shared", "-fno-math-errno", "-fno-trapping-math")
QUIET = ("-Wno-psabi",)
COMPILERS = ("g++", "clang++", "c++")
STALE = 3600.0
"""Seconds after which a temporary file in the cache belongs to a build that was killed."""


class BuildError(Exception):
    """The library is not available; the message says why and what to do, in one line."""


class Variant(NamedTuple):
    """What a library is built for; see variant.hpp."""

    adam: bool
    front: Literal["NARROW", "WIDE", "IMAGES"]


def compiled(variant: Variant) -> Path:
    """A library's file; it is built now if it is not in the cache. Raises BuildError."""
    return _built(KERNEL, (f"-DMLN_ADAM={variant.adam:d}", f"-DMLN_FRONT={variant.front}"))


def probe() -> Path:
    """A small library that can be built and loaded where the others can. Raises BuildError."""
    return _built(PROBE, ())


def _built(main: str, definitions: tuple[str, ...]) -> Path:
    compiler = find_compiler()
    options = [*OPTIONS, *QUIET, _architecture(), *definitions]
    name = f"{Path(main).stem}-{_key(compiler, options)}.so"
    try:
        place = cache_folder(CACHE_PART) / name
    except OSError as error:
        raise BuildError(f"the cache folder {error.filename}: {error.strerror}") from error
    if not place.exists():
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            # Workers that begin together want the same library: one builds it, the others wait.
            with FileLock(place.with_suffix(".lock")):
                if not place.exists():
                    _build(compiler, options, main, place)
        except OSError as error:
            raise BuildError(
                f"the cache folder {place.parent} cannot be written ({error.strerror}); "
                "name another one in MLN_CACHE"
            ) from error
    return place


def find_compiler() -> list[str]:
    """The C++ compiler's command: $CXX, or the first there is. Raises BuildError."""
    try:
        wanted = shlex.split(os.environ.get("CXX", ""))
    except ValueError as error:
        raise BuildError(f"CXX={os.environ['CXX']!r} is no command ({error})") from error
    for command in [wanted] if wanted else [[name] for name in COMPILERS]:
        if shutil.which(command[0]):
            return command
    looked_for = wanted[0] if wanted else ", ".join(COMPILERS)
    raise BuildError(f"no C++ compiler ({looked_for}); install g++ or name a compiler in CXX")


def sources() -> list[Path]:
    """The C++ files."""
    folder = Path(str(resources.files("mln.kernels.native")))
    return sorted(file for file in folder.iterdir() if file.suffix in (".cpp", ".hpp"))


def _build(compiler: list[str], options: list[str], main: str, place: Path) -> None:
    _remove_stale(place.parent)
    # The ending keeps a file that is being written from being taken for a library.
    descriptor, name = tempfile.mkstemp(".building", place.stem + ".", place.parent)
    os.close(descriptor)
    source = next(file for file in sources() if file.name == main)
    try:
        done = subprocess.run(
            [*compiler, *options, str(source), "-o", name], capture_output=True, text=True
        )
        if done.returncode != 0:
            lines = [line for line in done.stderr.splitlines() if "error" in line.lower()]
            reason = (lines or done.stderr.splitlines() or [f"exit code {done.returncode}"])[0]
            raise BuildError(
                f"{shlex.join(compiler)} cannot build the compiled kernel ({reason.strip()}); "
                "name another C++17 compiler in CXX"
            )
        os.replace(name, place)
    finally:
        Path(name).unlink(missing_ok=True)


def _remove_stale(folder: Path) -> None:
    for file in folder.glob("*.building"):
        try:
            if time.time() - file.stat().st_mtime > STALE:
                file.unlink(missing_ok=True)
        except FileNotFoundError:  # another process was quicker
            continue


def _architecture() -> str:
    x86 = platform.machine().lower() in ("x86_64", "amd64", "i686")
    return "-march=native" if x86 else "-mcpu=native"


def _key(compiler: list[str], options: list[str]) -> str:
    total = hashlib.sha256()
    for file in sources():
        total.update(f"{file.name}\n".encode())
        total.update(file.read_bytes())
    for part in (*compiler, *options, _version(tuple(compiler)), _processor()):
        total.update(f"{part}\n".encode())
    return total.hexdigest()[:32]


@lru_cache
def _version(compiler: tuple[str, ...]) -> str:
    try:
        done = subprocess.run([*compiler, "--version"], capture_output=True, text=True)
    except OSError as error:
        raise BuildError(
            f"{shlex.join(compiler)} does not run ({error.strerror}); name a compiler in CXX"
        ) from error
    return done.stdout


def _processor() -> str:
    """Model and instruction sets: the cache may lie on a disk that several machines share."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    wanted = ("model name", "flags", "Features", "CPU part")
    first: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() in wanted:
            first.setdefault(name.strip(), value.strip())
    return f"{platform.machine()} {sorted(first.items())}"
