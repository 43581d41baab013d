"""The cache of decoded data: what its files are named after, and what is said where it fails."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from bench import tasks
from bench.errors import InputError
from bench.tasks import cache
from bench.tasks.cache import content_digest, key_of, read_arrays, write_arrays

pytestmark = pytest.mark.usefixtures("root")


def test_a_digest_is_remembered_by_size_and_time(root: Path) -> None:
    file = root / "data"
    file.write_bytes(b"abc")
    first = content_digest([("data", file)])
    file.write_bytes(b"abd")
    os.utime(file, ns=(1, 1))
    assert content_digest([("data", file)]) != first
    file.write_bytes(b"abc")
    os.utime(file, ns=(2, 2))
    assert content_digest([("data", file)]) == first


@pytest.mark.parametrize("file", ["splits.py", "families/folders.py", "regimes/inputs.py"])
def test_a_changed_line_anywhere_in_the_code_makes_other_files(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Path(str(tasks.__file__)).parent == cache.CODE
    code = Path(shutil.copytree(cache.CODE, tmp_path / "tasks"))

    def key() -> str:
        cache._code.cache_clear()  # a process looks at its own code once
        return key_of("folder", "content", 8)

    original = key()
    monkeypatch.setattr(cache, "CODE", code)
    assert key() == original
    text = (code / file).read_text()
    (code / file).write_text(text.replace("\n\n", "\n# changed\n", 1))
    assert key() != original
    (code / file).write_text(text)
    assert key() == original


def test_arrays_are_read_as_they_were_written() -> None:
    key = key_of("some", {"a": 1})
    assert read_arrays(key) is None
    write_arrays(key, x=np.arange(3), names=np.array(["a", "b"]))
    arrays = read_arrays(key)
    assert arrays is not None
    assert arrays["x"].tolist() == [0, 1, 2]
    assert arrays["names"].tolist() == ["a", "b"]
    assert [path.suffix for path in cache.data_cache().iterdir()] == [".npz"]


def test_a_cache_that_cannot_be_written_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MLN_CACHE", str(tmp_path / "file"))
    with pytest.raises(InputError) as caught:
        write_arrays("key", x=np.arange(3))
    assert "cannot be written" in str(caught.value)
    assert str(caught.value).endswith("name another one in MLN_CACHE")
    assert "\n" not in str(caught.value)
