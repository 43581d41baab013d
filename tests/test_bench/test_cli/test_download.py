"""The verb `download`."""

from pathlib import Path
from urllib.error import URLError

import pytest
from test_bench.test_cli.calling import Cli
from test_bench.test_tasks.data_files import some_idx


def test_files_that_are_there_are_decoded_and_not_fetched(
    run_cli: Cli, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("nothing is to be fetched")

    some_idx(root)
    monkeypatch.setattr("urllib.request.urlopen", refuse)
    ended = run_cli("download", "mnist", "--data-root", str(root))
    assert ended.code == 0, ended.err
    assert ended.out == "mnist: 250 pictures (MNIST (LeCun et al. 1998), CC BY-SA 3.0)\n"
    assert any(path.is_file() for path in (tmp_path / "cache").rglob("*"))


def test_where_nothing_can_be_fetched_the_remedy_is_named(
    run_cli: Cli, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise URLError("no network")

    monkeypatch.setattr("urllib.request.urlopen", offline)
    ended = run_cli("download", "mnist", "--data-root", str(root))
    assert ended.code == 2
    assert ended.err.startswith("error: mnist: cannot be downloaded: ")
    assert "no network" in ended.err
    assert ":;" not in ended.err
    assert "by hand" in ended.err
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize("folder", ["file", "file/below", "/proc/new"])
def test_a_folder_that_cannot_be_made_is_one_line(
    run_cli: Cli, tmp_path: Path, folder: str
) -> None:
    (tmp_path / "file").touch()
    ended = run_cli("download", "mnist", "--data-root", folder)
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert ended.err.startswith("error: folder ")
