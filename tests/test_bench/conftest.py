"""Folders for data from files."""

from pathlib import Path

import pytest


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data root of a test's own, and a cache beside it."""
    folder = tmp_path / "root"
    folder.mkdir()
    monkeypatch.setenv("MLN_DATA_ROOT", str(folder))
    monkeypatch.setenv("MLN_CACHE", str(tmp_path / "cache"))
    return folder
