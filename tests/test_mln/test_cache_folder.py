"""The folder of what can be made again."""

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
