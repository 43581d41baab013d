"""Files that are written whole or not at all."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

FILE_MODE = 0o644
"""Permissions of a written file: readable by all, as an ordinary file is."""


def write_atomically(path: Path, content: bytes | str | Iterable[bytes | memoryview]) -> None:
    """Write bytes, text in UTF-8 or blocks of bytes: a crash leaves the old file or the new one.

    The folder is created where it is missing. A killed process may leave a hidden `*.tmp` beside
    the file; an error leaves nothing. Raises OSError.
    """
    if isinstance(content, str):
        content = content.encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    # In the same folder: a rename is atomic within one file system only.
    descriptor, name = tempfile.mkstemp(".tmp", f".{path.name}.", path.parent)
    partial = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines([content] if isinstance(content, bytes) else content)
            file.flush()
            os.fsync(file.fileno())
        partial.chmod(FILE_MODE)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
