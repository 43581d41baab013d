"""The folder of what can be made again."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mln.cache_folder import cache_folder, homeless


def test_the_cache_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLN_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder("kernels") == Path.home() / ".cache/mln-bench/kernels"
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert cache_folder("kernels") == Path("/x/mln-bench/kernels")
    monkeypatch.setenv("MLN_CACHE", "/y")
    assert cache_folder("data") == Path("/y/data")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs another user")
@pytest.mark.parametrize("home", [None, "/", "/nonexistent/home"])
def test_a_user_without_a_home_has_a_folder_of_their_own(home: str | None) -> None:
    code = (
        "import os, pathlib\nfrom mln.cache_folder import cache_folder\nos.setuid(54321)\n"
        "folder = cache_folder('x')\n"
        "found = folder.parent.stat()\n"
        "print(found.st_uid, oct(found.st_mode & 0o777), folder.name)\n"
        "folder.parent.rmdir()"
    )
    kept = {k: v for k, v in os.environ.items() if k not in ("HOME", "XDG_CACHE_HOME", "MLN_CACHE")}
    kept |= {"HOME": home} if home else {}
    ended = subprocess.run([sys.executable, "-c", code], env=kept, capture_output=True, text=True)
    assert ended.stdout.split() == ["54321", "0o700", "x"], ended.stderr


def test_a_cache_that_is_there_stays_though_it_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("MLN_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("os.access", lambda *_: False)
    assert homeless()
    (tmp_path / ".cache/mln-bench").mkdir(parents=True)
    assert not homeless()
    assert cache_folder("x") == tmp_path / ".cache/mln-bench/x"
