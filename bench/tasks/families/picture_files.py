"""The pictures that a folder or a zip file holds: which files count, their names, their bytes.

A folder and a zip file of it give the same names, in one order. Links are followed. Hidden files
and folders do not count, nor do those that systems leave behind.
"""

import os
import stat
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from bench.errors import InputError

ENDINGS = {
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm"),
}
LEFT_BEHIND = {
    *("__macosx", "@eadir", "$recycle.bin", "system volume information", "lost+found"),
    *("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"),
}
MAX_FILE_BYTES = 1 << 29
UTF8_NAME = 0x800
ENCRYPTED = 0x1


class Found(NamedTuple):
    """What a folder or a zip file holds.

    files: of pictures, from the name, with / between folders, to the path; in a zip file, the
    entry. empty: folders that hold nothing. others: how many other files there are, by ending.
    bare: folders that hold other files, and no picture in them or below.
    """

    files: dict[str, Path | zipfile.ZipInfo]
    empty: tuple[str, ...]
    others: dict[str, int]
    bare: tuple[str, ...]


def shown(name: str | Path) -> str:
    """A name on one line, whatever signs it is of."""
    text = os.fspath(name).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name does not count."""
    return name.startswith(".") or name.lower() in LEFT_BEHIND


def is_picture(name: str) -> bool:
    """Whether a file's ending is a picture's."""
    return PurePosixPath(name).suffix.lower() in ENDINGS


def found_in_folder(where: str, place: Path) -> Found:
    """The pictures below a folder; a linked folder counts as a folder, a linked file as a file.

    Raises InputError, one line, for a link to nothing or to a folder around it, for a name that
    is not UTF-8, and for what cannot be read.
    """
    files: dict[str, Path | zipfile.ZipInfo] = {}
    empty, others, beside = [], Counter[str](), set[str]()
    identity = _identity(_state(where, place, "the folder"))
    waiting: list[tuple[str, Path, frozenset[tuple[int, int]]]] = [
        ("", place, frozenset([identity]))
    ]
    while waiting:
        prefix, folder, around = waiting.pop()
        entries = [entry for entry in _entries(where, folder) if not is_hidden(entry)]
        if not entries:
            empty.append(prefix.rstrip("/"))
        for entry in entries:
            path, name = folder / entry, prefix + entry
            state = _state(where, path, name)
            if stat.S_ISDIR(state.st_mode):
                _check_name(where, name)
                if _identity(state) in around:
                    raise InputError(
                        f"{where}: {shown(name)} links to a folder that it lies in; remove the link"
                    )
                waiting.append((f"{name}/", path, around | {_identity(state)}))
            elif not is_picture(entry):
                others[_ending(entry)] += 1
                beside.add(prefix.rstrip("/"))
            elif not stat.S_ISREG(state.st_mode):
                raise InputError(f"{where}: {shown(name)} is no regular file")
            else:
                _check_name(where, name)
                _check_size(where, name, state.st_size)
                files[name] = path
    return _as_found(files, empty, others, beside)


def found_in_zip(where: str, archive: zipfile.ZipFile) -> Found:
    """The pictures of a zip file; nothing is ever unpacked to a disk.

    Raises InputError, one line, for entries that are encrypted, linked, twice there or outside.
    """
    files: dict[str, Path | zipfile.ZipInfo] = {}
    folders, full, others, beside = set[str](), set[str](), Counter[str](), set[str]()
    for info in archive.infolist():
        packed, is_utf8 = _zip_name(info)
        parts = [part for part in packed.split("/") if part not in ("", ".")]
        name = "/".join(parts)
        outside = ".." in parts or packed.startswith("/") or ":" in name[:2]
        if not outside and any(map(is_hidden, parts)):
            continue
        full.update("/".join(parts[:depth]) for depth in range(1, len(parts)))
        if info.is_dir():
            folders.add(name)
            continue
        linked = stat.S_ISLNK(info.external_attr >> 16)
        if not linked and not is_picture(name):
            others[_ending(name)] += 1
            beside.add("/".join(parts[:-1]))
            continue
        problem = (
            ("lies outside of the zip file; pack it anew" if outside else "")
            or ("" if is_utf8 else "has a name that is not UTF-8; pack the zip file anew")
            or ("is a link; pack the zip file anew, with what it links to" if linked else "")
            or ("is encrypted; unpack the zip file" if info.flag_bits & ENCRYPTED else "")
            or ("is there twice; pack the zip file anew" if name in files else "")
        )
        if problem:
            raise InputError(f"{where}: {shown(name)} {problem}")
        _check_size(where, name, info.file_size)
        files[name] = info
    return _as_found(files, folders - full, others, beside)


def reader_of(
    files: dict[str, Path | zipfile.ZipInfo], archive: zipfile.ZipFile | None
) -> Callable[[str], bytes]:
    """What reads the bytes of a picture by its name."""

    def read(name: str) -> bytes:
        place = files[name]
        if isinstance(place, Path):
            return place.read_bytes()
        assert archive is not None
        return archive.read(place)

    return read


def same_but_for_case(names: Collection[str]) -> tuple[str, str] | None:
    """Two names that differ in case, blanks around them or their form of Unicode alone."""
    seen: dict[str, str] = {}
    for name in sorted(names):
        key = unicodedata.normalize("NFC", name).strip().casefold()
        if key in seen:
            return seen[key], name
        seen[key] = name
    return None


def _as_found(
    files: dict[str, Path | zipfile.ZipInfo],
    empty: Collection[str],
    others: dict[str, int],
    beside: set[str],
) -> Found:
    """What was found, in order; beside: folders that hold other files."""
    ordered = {name: files[name] for name in sorted(files, key=lambda name: name.split("/"))}
    above = {str(folder) for name in files for folder in PurePosixPath(name).parents}
    bare = sorted(beside - above - {""})
    return Found(ordered, tuple(sorted(empty)), dict(sorted(others.items())), tuple(bare))


def _entries(where: str, folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError as error:
        raise InputError(f"{where}: {shown(folder)} cannot be read: {error.strerror}") from error


def _state(where: str, path: Path, name: str) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        if path.is_symlink():
            raise InputError(f"{where}: {shown(name)} is a link to nothing; remove it") from error
        raise InputError(f"{where}: {shown(name)} cannot be read: {error.strerror}") from error


def _identity(state: os.stat_result) -> tuple[int, int]:
    return state.st_dev, state.st_ino


def _check_name(where: str, name: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{where}: the name {shown(name)} is not UTF-8; rename it") from error


def _check_size(where: str, name: str, size: int) -> None:
    if size == 0:
        raise InputError(f"{where}: {shown(name)} is empty, 0 bytes")
    if size > MAX_FILE_BYTES:
        raise InputError(
            f"{where}: {shown(name)} has {size:,} bytes; {MAX_FILE_BYTES:,} are the most"
        )


def _ending(name: str) -> str:
    return PurePosixPath(name).suffix.lower() or "without an ending"


def _zip_name(info: zipfile.ZipInfo) -> tuple[str, bool]:
    """A name as it was packed, and whether it is UTF-8: many programs write UTF-8, or the
    separators of Windows, unannounced."""
    name, is_utf8 = info.filename, True
    if not info.flag_bits & UTF8_NAME:
        try:
            name = name.encode("cp437").decode()
        except UnicodeError:
            is_utf8 = False
    return name.replace("\\", "/"), is_utf8
