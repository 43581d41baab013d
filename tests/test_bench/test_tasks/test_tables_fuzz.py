"""Generated tables: each is described as it was generated, or refused in one line."""

import csv
import io
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.random import SeedSequence

from bench import testing
from bench.describing.describe import describe
from bench.errors import InputError
from bench.tasks.catalogue import _made
from bench.tasks.families import tables as families
from bench.tasks.families.tables import _read_columns
from bench.tasks.resolve import resolve

FAST, SLOW = 200, 10_000
LETTERS = st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"))
WORDS = st.text(LETTERS, min_size=1, max_size=6).map(str.strip).filter(bool)
TROUBLE = st.sampled_from(
    ["None", "NA", "nan", "NaN", "null", "?", "-", "True", "false", "1,234", "1,5", "45%", "$3",
     "2020-01-02", "12:30", "1/2/20", "007", "1e999", "inf", "-inf", "1_000", "0x1F", "café",
     "cafe\u0301", "#", '"', "'", "a b", "\u22121", "9223372036854775809", "1e200", "label"]
)  # fmt: skip
PLAIN = st.one_of(
    st.integers(-(10**6), 10**6).map(str),
    st.floats(-1e9, 1e9, allow_nan=False).map(lambda x: f"{x:.6g}"),
    st.sampled_from(["0", "0.0", "-0", "1e5", "1E-7", ".5", "5."]),
)

LABELS = ("01", "1", "1.0", "None", "NA", "b", "B", "yes", "no")
DAMAGES = ("cut", "extra", "short", "comment", "bom", "bytes")


@dataclass(frozen=True)
class Generated:
    """A table as it was made. kinds: of each column, where it is known beforehand."""

    names: list[str]
    columns: list[list[str]]
    labels: list[str]
    kinds: list[str]
    content: bytes


@st.composite
def columns(draw: Any, rows: int) -> tuple[str, list[str]]:
    """The kind of a column ("number", "category", or "any" with trouble in it) and its values."""
    kind = draw(st.sampled_from(["number", "number", "category", "category", "any"]))
    if kind == "number":
        pool = draw(st.lists(PLAIN, min_size=1, max_size=8))
    elif kind == "category":
        # Words that begin with a letter and hold no digit are like nothing else.
        letters = st.text("abcdefgäßж", min_size=4, max_size=7)
        pool = draw(st.lists(letters, min_size=1, max_size=6))
    else:
        pool = draw(st.lists(st.one_of(TROUBLE, PLAIN, WORDS), min_size=1, max_size=6))
    if draw(st.booleans()):
        pool = [*pool, ""]
    shift = draw(st.integers(0, 6))
    return kind, [pool[(i * 5 + shift) % len(pool)] for i in range(rows)]


@st.composite
def tables(draw: Any) -> Generated:
    rows = draw(st.sampled_from([24, 27, 31, 36, 40, 29, 33, 38, 20, 11, 1, 0]))
    count = draw(st.sampled_from([1, 2, 2, 3, 3, 4, 0]))
    made = [draw(columns(rows)) for _ in range(count)]
    names = draw(st.lists(st.one_of(WORDS, TROUBLE), min_size=count, max_size=count))
    if draw(st.sampled_from([True] * 9 + [False])):
        names = [f"{name}{place}" for place, name in enumerate(names)]
    labels = draw(
        st.lists(st.one_of(PLAIN, WORDS, TROUBLE), min_size=2, max_size=4, unique=True)
        | st.lists(st.sampled_from(LABELS), min_size=2, max_size=3, unique=True)
    )
    given_labels = [labels[(i * 3) % len(labels)] for i in range(rows)]
    place = draw(st.integers(0, count))
    header = [*names[:place], "label", *names[place:]]
    values = [column for _, column in made]
    lines = [
        [*[v[i] for v in values[:place]], given_labels[i], *[v[i] for v in values[place:]]]
        for i in range(rows)
    ]
    text = io.StringIO(newline="")
    separator = draw(st.sampled_from([",", ",", ";", "\t", "|"]))
    ending = draw(st.sampled_from(["\n", "\r\n"]))
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    writer = csv.writer(text, delimiter=separator, lineterminator=ending, quoting=quoting)
    writer.writerows([header, *lines])
    content = text.getvalue()
    damage = draw(st.sampled_from([*[""] * 9, *DAMAGES]))
    if damage == "cut":
        content = content[: draw(st.integers(0, len(content)))]
    elif damage in ("extra", "short", "comment"):
        content += {"extra": separator * (count + 2), "short": "x", "comment": "# end"}[damage]
        content += ending
    encoded = content.encode()
    if damage == "bom":
        encoded = b"\xef\xbb\xbf" + encoded
    elif damage == "bytes":
        at = draw(st.integers(0, len(encoded)))
        encoded = encoded[:at] + draw(st.binary(min_size=1, max_size=3)) + encoded[at:]
    intact = damage in ("", "bom")
    kinds = [kind if intact else "any" for kind, _ in made]
    return Generated(
        names, values if intact else [], given_labels if intact else [], kinds, encoded
    )


def check(place: Path, table: Generated) -> bool:
    """Whether a table was accepted; what was understood is what was generated."""
    place.write_bytes(table.content)
    _made.cache_clear()
    _read_columns.cache_clear()
    name = f"table:{place},label=label"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        refusal = ""
        try:
            about = describe(resolve(name))
            task = resolve(name).source(test=True)(SeedSequence(0))
        except InputError as error:
            refusal = str(error)
    if refusal:
        assert refusal.isprintable(), refusal
        assert len(refusal) < 1500
        return False
    for split in testing.splits(task).values():
        assert np.isfinite(split.x).all()
        assert split.x.shape[1] == about.inputs
    if not table.labels:
        return True
    # Every label is a class of its own, spelled as it was.
    counts = {each.name: sum(each.examples.values()) for each in about.classes}
    assert counts == {label: table.labels.count(label) for label in table.labels}
    features = {each.name: each for each in about.features}
    for named, values, kind in zip(table.names, table.columns, table.kinds, strict=True):
        own = features[named]
        known = {value.strip() for value in values} - {""}
        assert own.missing == sum(not value.strip() for value in values)
        if kind != "any":
            assert own.kind == kind or (kind == "number" and _padded(known))
        if own.kind == "category":
            assert set(own.levels) == known
        # Nothing but plain numbers becomes a number.
        else:
            assert all(_is_plain(value) for value in known)
    return True


def _padded(values: set[str]) -> bool:
    return any(value[:1] == "0" and value.isdecimal() and len(value) > 1 for value in values)


def _is_plain(value: str) -> bool:
    return value.isascii() and "_" not in value and bool(np.isfinite(float(value)))


@pytest.mark.parametrize("count", [FAST, pytest.param(SLOW, marks=pytest.mark.slow)])
def test_generated_tables_are_described_rightly_or_refused(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    accepted = [0, 0]
    with tempfile.TemporaryDirectory() as folder:
        # The digest is of no interest here, and a note of each would be written to the disk.
        monkeypatch.setattr(families, "content_digest", lambda files: str(files[0][1].stat()))

        @settings(
            max_examples=count,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(tables())
        def property_(table: Generated) -> None:
            accepted[check(Path(folder) / "t.csv", table)] += 1

        property_()
    assert accepted[0] > count // 20
    assert accepted[1] > count // 20, accepted
    print(f"refused {accepted[0]}, described {accepted[1]}")
