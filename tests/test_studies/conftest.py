"""Databases for the tests of studies, and studies inside the test's own process."""

from pathlib import Path

import pytest
from test_studies.tiny import inline

__all__ = ["inline"]


@pytest.fixture(params=["sqlite", "postgresql"])
def any_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A URL of an empty database, of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'mln.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A URL of an SQLite file that is not there yet."""
    return f"sqlite:///{tmp_path / 'runs' / 'mln.db'}"
