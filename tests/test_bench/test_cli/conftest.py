"""Commands in this process, and storages that the tests of several verbs read."""

from functools import partial
from pathlib import Path

import pytest
from test_bench.test_cli.calling import SMALL_ABLATION, SMALL_RUN, Cli, Stored, call


@pytest.fixture
def run_cli(tmp_path: Path) -> Cli:
    """Run `mln-bench` in this process, in an empty folder."""
    return partial(call, tmp_path)


@pytest.fixture(scope="session")
def benchmarked(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    """A finished benchmark; tests read it."""
    return filled(tmp_path_factory.mktemp("run"), "run", *SMALL_RUN, "--jobs=1")


@pytest.fixture(scope="session")
def ablated(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    """A finished ablation; tests read it."""
    return filled(tmp_path_factory.mktemp("ablate"), "ablate", *SMALL_ABLATION, "--workers=1")


def filled(folder: Path, *words: str) -> Stored:
    option = f"--storage=sqlite:///{folder}/mln.db"
    return Stored(option, call(folder, *words, option))
