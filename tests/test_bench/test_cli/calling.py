"""The command line called in this process, and small experiments for it."""

import contextlib
import io
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import pytest

from bench.cli import app as cli

SMALL_RUN = [
    "quickstart",
    "--set=benchmark.tasks=['spirals']",
    "--set=benchmark.losses=['ce','mse','mae']",
    "--set=benchmark.seeds=7",
    "--set=benchmark.training.steps=20",
    "--set=tuning.rates=[0.003,0.01]",
]
SMALL_ABLATION = [
    "mode-ablation",
    "--set=study.factors={'evolution.settings.mode'=['ga','es']}",
    "--set=study.seeds=2",
    "--set=study.budget=2000",
    "--set=study.tasks=2",
    "--set=study.families=['spirals']",
    "--set=evolution.families=['moons+noise=0.2']",
    "--set=evolution.settings.budget=2000",
    "--set=evolution.settings.tasks_per_generation=1",
    "--set=evolution.settings.training.steps=10",
    "--set=tuning.rates=[0.01]",
]


class Ended(NamedTuple):
    """A command that has ended."""

    code: int
    out: str
    err: str


Cli = Callable[..., Ended]


class Stored(NamedTuple):
    """The storage that a command has filled, and how that command ended."""

    option: str
    ended: Ended


def call(folder: Path, *words: str) -> Ended:
    """Run `mln-bench` in this process, in a folder."""
    out, err = io.StringIO(), io.StringIO()
    on_termination = signal.getsignal(signal.SIGTERM)
    try:
        with (
            contextlib.chdir(folder),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            mock.patch.object(sys, "argv", ["mln-bench", *words]),
            pytest.raises(SystemExit) as ended,
        ):
            cli.main()
    finally:
        signal.signal(signal.SIGTERM, on_termination)
    return Ended(int(ended.value.code or 0), out.getvalue(), err.getvalue())
