"""Texts as tables: their separators, quotes, encodings and packing, and what is no whole table."""

import bz2
import gzip
import lzma
import zipfile
from pathlib import Path

import pytest
from test_bench.test_tasks.data_files import SEED, refused
from test_bench.test_tasks.table_files import column, read, told, written

from bench import testing
from bench.tasks.resolve import resolve

pytestmark = pytest.mark.usefixtures("root")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a,label\n1,2,3,x\n", "row 1 (line 2) has 4 fields, the line of names 2"),
        ("a,b,label\n1,2,x\n3,y\n", "row 2 (line 3) has 2 fields, the line of names 3"),
        ("a,label\n1,x,\n", "row 1 (line 2) has 3 fields, the line of names 2"),
        ("a,label\n1,x\n# done\n", "if it is a comment, remove it"),
        ("a,label,label\n1,x,x\n", "two columns 'label', numbers 2 and 3"),
        ("a, label ,label\n1,x,x\n", "two columns 'label'"),
        ("a,caf\u00e9,cafe\u0301,label\n1,1,1,x\n", "has two columns"),
        ('a,label\n"1,x\n2,y\n', "after line 1: a quotation mark is opened and never closed"),
        ('a,label\n"1"2,x\n', "after line 1: "),
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("a,label\n", "has a line of names and no row"),
        ("5.1,3.5,setosa\n4.9,3.0,setosa\n", "has no column 'label'"),
        ("a,Label\n1,x\n", "did you mean 'Label'?"),
        ("a,label\n1,x\x00\n", "is no text: a zero byte in line 2"),
        ("a,label\n1,x\n2,\n", "row 2 has no label in column 'label'"),
        ("a,label\n1,x\n,\n", "row 2 has no label in column 'label'"),
        ("a,label\n1,?\n2,x\n", "the label of row 1 is '?'"),
        ("label\nx\ny\n", "there is no column but the label's"),
        ("a,label\n" + "1,x\n" * 9, "are of class 'x'; a task needs two classes"),
        ("a,label\n" + "".join(f"1,{i}.5\n" for i in range(50)), "50 different labels in 50 rows"),
    ],
)
def test_a_file_that_is_no_whole_table_is_refused(root: Path, text: str, says: str) -> None:
    (root / "t.csv").write_text(text, encoding="utf-8")
    refused("table:t.csv,label=label", says)


def test_a_file_without_names_is_refused(root: Path) -> None:
    rows = "".join(f"5.{i},3.5,{'setosa' if i % 2 else 'other'}\n" for i in range(1, 40))
    (root / "t.csv").write_text(rows)
    refused("table:t.csv,label=setosa", "line 1 holds values, not names")
    (root / "t.csv").write_text("150,4,setosa,virginica\n" + "1,2,3,0\n4,5,6,1\n" * 9)
    assert "line 1 must be a line of names" in told("table:t.csv,label=virginica").warnings[0]
    (root / "t.csv").write_text("0,1,2,label\n" + "1,2,3,0\n4,5,6,1\n" * 9)  # pixels
    assert not any("names" in each for each in told("table:t.csv,label=label").warnings)


@pytest.mark.parametrize(
    ("separator", "says"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars"), (" ", "blanks")]
)
def test_separators_are_recognised_and_said(root: Path, separator: str, says: str) -> None:
    name = written(root, ["1.5", "red"], separator=separator)
    assert column(f"{name},words=x").levels == ("1.5", "red")
    assert says in told(f"{name},words=x").notes[0]


def test_a_comma_within_a_semicolon_file_is_a_decimal_and_asked_about(root: Path) -> None:
    refused(written(root, ["1,5", "2,25"], separator=";"), "'1,5' (row 1), '2,25' (row 2)")


def test_other_forms_of_one_table(root: Path) -> None:
    plain = "a,b c,label\n" + "".join(f"{i}.5,{'u' if i % 3 else 'v'},{i % 2}\n" for i in range(30))
    (root / "t.csv").write_text(plain)
    expected = testing.bits(resolve("table:t.csv,label=label").source(test=True)(SEED))
    forms: dict[str, bytes] = {
        "crlf": plain.replace("\n", "\r\n").encode(),
        "cr": plain.replace("\n", "\r").encode(),
        "bom": b"\xef\xbb\xbf" + plain.encode(),
        "utf16": plain.encode("utf-16"),
        "quoted": ("".join(
            ",".join(f'"{field}"' for field in line.split(",")) + "\n"
            for line in plain.splitlines()
        )).encode(),
        "single": ("'a';'b c';'label'\n" + plain.partition("\n")[2].replace(",", ";")).encode(),
        "blank lines": b"\n" + plain.replace("\n", "\n\n").encode(),
        "blanks": plain.replace(",", " , ").encode(),
        "sep": b"sep=;\n" + plain.replace(",", ";").encode(),
        "gz": gzip.compress(plain.encode()),
        "bz2": bz2.compress(plain.encode()),
        "xz": lzma.compress(plain.encode()),
        "no end": plain.rstrip("\n").encode(),
        "trailing": plain.replace("\n", ",\n").encode(),
    }  # fmt: skip
    for form, content in forms.items():
        (root / "t.csv").write_bytes(content)
        task = resolve("table:t.csv,label=label").source(test=True)(SEED)
        assert testing.bits(task) == expected, form
    with zipfile.ZipFile(root / "t.csv", "w") as archive:
        archive.writestr("inner.csv", plain)
    assert testing.bits(resolve("table:t.csv,label=label").source(test=True)(SEED)) == expected


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("a,label\n1,caf\u00e9\n".encode("latin-1"), "not in UTF-8: byte 0xe9 in line 2"),
        (b"\x1f\x8b\x08broken", "cannot be unpacked"),
        (b"PK\x03\x04broken", "cannot be unpacked"),
        (b"\x28\xb5\x2f\xfd123", "packed by zstd"),
    ],
)
def test_bytes_that_are_no_text_are_refused(root: Path, content: bytes, says: str) -> None:
    (root / "t.csv").write_bytes(content)
    refused("table:t.csv,label=label", says)


def test_a_label_with_blanks_or_other_letters_around_its_name(root: Path) -> None:
    rows = "".join(f"{i},{i % 2}\n" for i in range(30))
    (root / "t.csv").write_text("x, cafe\u0301 \n" + rows, encoding="utf-8")
    for label in ("caf\u00e9", " caf\u00e9", "cafe\u0301", "%20caf\u00e9%20"):
        assert read(f"table:t.csv,label={label}").classes == ("0", "1")
