"""Files of tables: what is in one, told by its first bytes, then by its name."""

import bz2
import codecs
import gzip
import io
import lzma
import zipfile
import zlib
from pathlib import Path

from bench.errors import InputError
from bench.tasks.tabular.delimited import read_delimited
from bench.tasks.tabular.parquet import MAGIC, read_parquet
from bench.tasks.tabular.raw import RawTable

PARQUET_ENDINGS = (".parquet", ".pq")
BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
PACKED = ((b"\x1f\x8b", gzip.decompress), (b"BZh", bz2.decompress), (b"\xfd7zXZ", lzma.decompress))
DAMAGED = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)


def read_table(where: str, path: Path, label: str) -> RawTable:
    """The columns of a CSV file, packed or not, or of a Parquet file.

    Raises InputError, one line, for anything else.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{where}: {path} cannot be read: {error.strerror}") from error
    inside = f"{where}: {path.name}"
    content = unpacked(inside, content)
    if content.startswith(MAGIC):
        return read_parquet(where, inside, content, label)
    if path.suffix.lower() in PARQUET_ENDINGS:
        raise InputError(f"{inside} cannot be read: it is no Parquet file")
    return read_delimited(inside, decoded(inside, content), label)


def unpacked(inside: str, content: bytes) -> bytes:
    """What gzip, bzip2, xz or zip packed. Raises InputError where that is damaged."""
    try:
        for magic, unpack in PACKED:
            if content.startswith(magic):
                return unpack(content)
        if content.startswith(b"PK\x03\x04"):
            return _only_file(inside, content)
    except DAMAGED as error:
        raise InputError(f"{inside} cannot be unpacked: {error}") from error
    if content.startswith(b"\x28\xb5\x2f\xfd"):
        raise InputError(f"{inside} is packed by zstd; unpack it, or use gzip, bzip2, xz or zip")
    return content


def _only_file(inside: str, content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        if "[Content_Types].xml" in names or "mimetype" in names:
            raise InputError(f"{inside} is a workbook; save its sheet as CSV (UTF-8)")
        if len(names) != 1:
            raise InputError(f"{inside} holds {len(names)} files; a packed table is one file")
        try:
            return archive.read(names[0])
        except RuntimeError as error:  # it has a password
            raise InputError(f"{inside} cannot be unpacked: {error}") from error


def decoded(inside: str, content: bytes) -> str:
    """The text of UTF-8, or of UTF-16 with a byte-order mark.

    Raises InputError for any other, naming the first byte that tells.
    """
    encoding = next((name for bom, name in BOMS if content.startswith(bom)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{inside} is not in UTF-8: byte {content[error.start]:#04x} in line {line}; save it "
            "as UTF-8 (or: iconv -f latin1 -t utf-8)"
        ) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InputError(f"{inside} is no text: a zero byte in line {line}")
    return text
