"""The folder of what can be made again."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mln.cache_folder import cache_folder


def test_the_cache_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLN_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder("kernels") == Path.home() / ".cache/mln-bench/kernels"
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert cache_folder("kernels") == Path("/x/mln-bench/kernels")
    monkeypatch.setenv("MLN_CACHE", "/y")
    assert cache_folder("data") == Path("/y/data")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs another user")
def test_a_user_without_a_home_has_a_folder_of_their_own() -> None:
    code = (
        "import os, pathlib\nfrom mln.cache_folder import cache_folder\nos.setuid(54321)\n"
        "folder = cache_folder('x')\n"
        "found = folder.parent.stat()\n"
        "print(found.st_uid, oct(found.st_mode & 0o777), folder.name)\n"
        "folder.parent.rmdir()"
    )
    kept = {k: v for k, v in os.environ.items() if k not in ("HOME", "XDG_CACHE_HOME", "MLN_CACHE")}
    ended = subprocess.run([sys.executable, "-c", code], env=kept, capture_output=True, text=True)
    assert ended.stdout.split() == ["54321", "0o700", "x"], ended.stderr
