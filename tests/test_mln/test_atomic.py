"""Files that are written whole or not at all."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from mln.atomic import write_atomically


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"bytes", b"bytes"),
        ("text \u00e9\n", "text \u00e9\n".encode()),
        ([b"a", np.arange(3, dtype=np.uint8).data], b"a\x00\x01\x02"),
        ([], b""),
    ],
)
def test_content_replaces_a_file_in_a_folder_that_is_created(
    content: bytes | str | Iterable[bytes | memoryview], expected: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "a" / "b" / "file"
    for _ in range(2):
        write_atomically(file, content)
        assert file.read_bytes() == expected
    assert list(file.parent.iterdir()) == [file]
    assert file.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("error", [OSError, ValueError, KeyboardInterrupt])
def test_an_error_leaves_the_old_file_and_nothing_else(
    error: type[BaseException], tmp_path: Path
) -> None:
    file = tmp_path / "file"
    write_atomically(file, "old")

    def failing() -> Iterator[bytes]:
        yield b"new"
        raise error

    with pytest.raises(error):
        write_atomically(file, failing())
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_in_the_place_of_the_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="directory"):
        write_atomically(tmp_path, b"content")
    assert list(tmp_path.iterdir()) == []
