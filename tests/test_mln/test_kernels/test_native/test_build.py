"""The compiled kernel's build: without a compiler, killed, twice at once, cached."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from places import ROOT

from mln.kernels.native import build, interface

TRAIN = """
import logging, sys
import numpy as np
from mln.config import LearnerSpec
from mln.kernels import engine
from mln.losses.formulas import CrossEntropy
from mln.rollout import Members
from test_mln.helpers import small_problem
problem = small_problem()
for _ in range(2):
    engine.rollout(problem, Members(np.array([0]), np.array([0.01])), CrossEntropy(1), [12])
print(engine.choose(LearnerSpec(), "ce", "cpu"))
"""
BUILD = """
from mln.kernels.native.build import Variant, compiled
compiled(Variant(False, "NARROW"))
print("built")
"""


def quick_compiler(folder: Path, first: str = "") -> str:
    """The real compiler without optimisation, as a script; `first` is run before it."""
    script = folder / "compiler"
    command = " ".join(build.find_compiler())
    script.write_text(f'#!/bin/sh\n{first}\nexec {command} "$@" -O0\n', encoding="utf-8")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return str(script)


def start(code: str, cache: Path, compiler: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env={
            **os.environ,
            "MLN_CACHE": str(cache),
            "CXX": compiler,
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def libraries(cache: Path) -> list[Path]:
    return list((cache / "kernels").glob("rollout-*.so"))


@pytest.mark.parametrize("broken", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_without_a_compiler_it_says_so_once_and_trains_with_the_next_kernel(
    tmp_path: Path, broken: bool
) -> None:
    missing = str(tmp_path / "none")
    compiler = quick_compiler(tmp_path, 'test "$1" = --version || exit 3') if broken else missing
    process = start(TRAIN, tmp_path, compiler)
    output, errors = process.communicate(timeout=600)
    assert output.split() == ["analytic"], errors
    (line,) = errors.splitlines()
    assert line.startswith("training without the compiled kernel: ")
    assert "CXX" in line
    assert not libraries(tmp_path)


def test_a_cache_that_cannot_be_written_has_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kernels").write_text("a file, where a folder should be")
    monkeypatch.setenv("MLN_CACHE", str(tmp_path))
    with pytest.raises(build.BuildError, match="MLN_CACHE"):
        build.probe()
    with pytest.raises(build.BuildError, match="MLN_CACHE"):
        build.compiled(build.Variant(False, "NARROW"))


@pytest.mark.slow
def test_a_build_that_is_killed_leaves_nothing_that_hinders_the_next(tmp_path: Path) -> None:
    process = start(BUILD, tmp_path, quick_compiler(tmp_path, 'test "$1" = --version || sleep 60'))
    unfinished: list[Path] = []
    while not unfinished and process.poll() is None:
        unfinished = list((tmp_path / "kernels").glob("*.building"))
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert unfinished
    assert not libraries(tmp_path)
    os.utime(unfinished[0], (0, 0))  # an hour later
    process = start(BUILD, tmp_path, quick_compiler(tmp_path))
    assert process.communicate()[0] == "built\n"
    assert len(libraries(tmp_path)) == 1
    assert not list((tmp_path / "kernels").glob("*.building"))


@pytest.mark.slow
def test_of_two_builds_at_once_one_builds_the_library_which_both_and_the_third_find(
    tmp_path: Path,
) -> None:
    log = tmp_path / "log"
    compiler = quick_compiler(tmp_path, f'test "$1" = --version || echo built >> {log}')
    processes = [start(BUILD, tmp_path, compiler) for _ in range(2)]
    assert [process.communicate()[0] for process in processes] == ["built\n", "built\n"]
    assert len(libraries(tmp_path)) == 1
    assert start(BUILD, tmp_path, compiler).communicate()[0] == "built\n"
    assert log.read_text(encoding="utf-8") == "built\n"


@pytest.mark.slow
def test_a_library_that_a_full_disk_left_in_pieces_is_built_again(tmp_path: Path) -> None:
    compiler = quick_compiler(tmp_path)
    assert start(TRAIN, tmp_path, compiler).communicate()[0] == "fused\n"
    files = list((tmp_path / "kernels").glob("*.so"))
    assert sorted(file.name[:5] for file in files) == ["probe", "rollo"]
    sizes = [file.stat().st_size for file in files]
    for file in files:
        file.write_bytes(b"")
    assert start(TRAIN, tmp_path, compiler).communicate()[0] == "fused\n"
    assert [file.stat().st_size for file in files] == sizes


def test_a_file_system_without_programs_gets_the_advice_that_helps() -> None:
    """glibc's words for a mount with noexec; another machine's library is another matter."""
    refused = interface._remedy("failed to map segment from shared object")
    assert "noexec" in refused
    assert "MLN_CACHE" in refused
    assert interface._remedy("invalid ELF header") == "delete it"


@pytest.mark.parametrize("command", ["/nonexistent", "g++ -bad", "false", '"unclosed', "/"])
def test_a_damaged_compiler_is_a_reason_of_one_line(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", command)
    monkeypatch.setenv("MLN_CACHE", str(tmp_path))
    with pytest.raises(build.BuildError, match="CXX") as refused:
        build.probe()
    assert "\n" not in str(refused.value)
