"""The URL of a database."""

from pathlib import Path

DEFAULT_URL = "sqlite:///runs/mln.db"
"""The database that results go to unless another one is named."""


def sqlite_url(file: Path | str) -> str:
    """The URL of an SQLite file, in which ? would begin the options and % a letter's number."""
    return f"sqlite:///{file}".replace("%", "%25").replace("?", "%3F")
