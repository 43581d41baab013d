"""What is read of a table: the right values, or one clear line. Each case is a public fault."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_bench.test_tasks.data_files import SEED, refused
from test_bench.test_tasks.table_files import LABELS, column, read, told, written

from bench import testing
from bench.tasks.catalogue import family_of
from bench.tasks.resolve import resolve

pytestmark = pytest.mark.usefixtures("root")


@pytest.mark.parametrize("word", ["None", "NA", "NaN", "null", "N/A"])
def test_words_that_others_take_for_missing_are_values(root: Path, word: str) -> None:
    name = written(root, [word, "Driver", "Both"])
    own = column(name)
    assert own.levels == tuple(sorted([word, "Driver", "Both"]))
    assert own.missing == 0
    assert own.codes is not None
    assert (own.codes == own.levels.index(word)).sum() == 14
    assert f"missing={word}" in " ".join(told(name).notes)
    declared = column(f"{name},missing={word}")
    assert declared.levels == ("Both", "Driver")
    assert declared.missing == 14
    assert declared.inputs == 3


def test_an_empty_field_is_missing_and_an_input_says_so(root: Path) -> None:
    name = written(root, ["1.5", "", "2.5", "4"])
    own = column(name)
    assert own.missing == 10
    task = resolve(name).source(test=True)(SEED)
    assert task.features == 3
    x, gap = task.train.x[:, 1], task.train.x[:, 2] == 1
    assert gap.any()
    assert len(np.unique(x[gap])) == 1
    known = np.array([1.5, 2.5, 4])
    assert len(np.unique(x[~gap])) == len(known)
    feature = next(each for each in told(name).features if each.name == "x")
    assert (feature.kind, feature.missing, feature.inputs) == ("number", 10, 2)
    for check in testing.TASK_CHECKS:
        check(name + ",words=n")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (["?", "1", "2"], "holds '?' (row 1); write plain numbers, or add missing=?"),
        (["red", "?", "blue"], "holds '?' (row 2)"),
        (["1,234", "2,345"], "'1,234' (row 1)"),
        (["1,5", "2,5"], "'1,5' (row 1)"),
        (["$1200", "$7"], "holds numbers written as '$1200'"),
        (["45%", "3%"], "holds numbers written as '45%'"),
        (["1 234", "2 345"], "'1 234' (row 1)"),
        (["\u22121.5", "\u22122"], "holds numbers written as"),
        (["1_000", "2_000"], "holds numbers written as '1_000'"),
        (["0x1f", "0x20"], "holds numbers written as '0x1f'"),
        (["\u0663", "\u0664"], "holds numbers written as"),
        (["\uff11\uff12", "\uff13"], "holds numbers written as"),
        (
            [f"{150 + i} cm" for i in range(11)],
            "holds numbers with the unit 'cm': '150 cm' (row 1)",
        ),
        ([f"{i}.5km/h" for i in range(11)], "holds numbers with the unit 'km/h'"),
        (["2020-01-05", "2021-02-06"], "holds dates or times '2020-01-05' (row 1)"),
        (["05.01.2020", "06.02.2021"], "holds dates or times"),
        (["1/5/20", "11/30/21"], "holds dates or times"),
        (["Jan 5, 2020", "Feb 6, 2021"], "holds dates or times"),
        (["5-Jan-20", "6-Feb-21"], "holds dates or times"),
        (["2020-01-05 12:30:00", "2021-02-06T01:02:03Z"], "holds dates or times"),
        (["12:30", "1:05"], "holds dates or times"),
        (["1959Q1", "1960Q2"], "holds dates or times"),
        (["4", "6", "rotary"], "holds numbers and 'rotary' (row 3)"),
        (["1", "NA", "2"], "missing=NA for missing values"),
        (["1", "nan", "2"], "missing=nan for missing values"),
        (["1", "inf", "2"], "holds an infinite number 'inf' (row 2)"),
        (["1", "1e999"], "holds an infinite number"),
        (["", ""], "has no value at all"),
    ],
)
def test_what_could_be_meant_in_two_ways_is_asked_about(
    root: Path, values: list[str], says: str
) -> None:
    name = written(root, [f'"{value}"' for value in values])
    refused(name, "column 'x'")
    refused(name, says)
    if values[0]:
        # Every refusal names what mends it.
        kept = family_of(f"{name},without=x", "").columns()  # type: ignore[attr-defined]
        assert [each.name for each in kept.table] == ["n"]
        own = column(f"{name},words=x")
        assert own.levels == tuple(sorted(set(values)))


@pytest.mark.parametrize(
    "values",
    [
        ["2WD", "4WD"],  # kinds
        ["1st", "2nd", "3rd"],
        [f"{i}{'ab'[i % 2]}" for i in range(20)],  # names with a number
        ["a1", "b2", "x_1"],
    ],
)
def test_words_with_a_number_in_them_are_words(root: Path, values: list[str]) -> None:
    assert column(written(root, values)).levels == tuple(sorted(set(values)))


def test_all_columns_are_asked_about_in_one_line(root: Path) -> None:
    rows = [f"{'?' if i % 5 else i},{'NA' if i % 7 else i},{LABELS[i]}" for i in range(40)]
    (root / "t.csv").write_text("\n".join(["a,b,label", *rows]))
    refused("table:t.csv,label=label", "add missing=?,missing=NA for missing values")
    name = "table:t.csv,label=label,missing=?,missing=NA"
    assert [each.missing for each in read(name).table] == [32, 34]
    assert resolve(name).name == resolve("table:t.csv,label=label,missing=NA,missing=?").name


def test_codes_with_leading_zeros_are_words(root: Path) -> None:
    name = written(root, ["01234", "90210", "00501"])
    assert column(name).levels == ("00501", "01234", "90210")
    assert "leading zeros" in told(name).notes[0]
    assert column(written(root, ["0", "0.5", "10"])).numbers is not None


def test_numbers_of_every_spelling(root: Path) -> None:
    own = column(written(root, ["1", "-2.5", "+3", ".5", "4.", "1e3", "-1E-3", " 7 "]))
    assert own.numbers is not None
    np.testing.assert_array_equal(own.numbers[:8], [1, -2.5, 3, 0.5, 4, 1000, -0.001, 7])


@pytest.mark.parametrize("huge", ["1e200", "1e-200", "-1.7e308", "9223372036854775809"])
def test_a_huge_number_spoils_nothing(root: Path, huge: str) -> None:
    name = written(root, ["1", "2", "3", huge, "5", "6", "7", "8", "9"])
    for split in testing.splits(resolve(name).source(test=True)(SEED)).values():
        assert np.isfinite(split.x).all()
        assert split.x[:, 0].std() > 0.5
    lost = any("2^53" in note for note in told(name).notes)
    assert lost == (huge == "9223372036854775809")


def test_tiny_numbers_keep_their_differences(root: Path) -> None:
    task = resolve(written(root, ["1e-200", "2e-200", "3e-200"])).source(test=False)(SEED)
    assert task.train.x[:, 1].std() == pytest.approx(1, abs=1e-5)


def labelled(root: Path, labels: list[str]) -> str:
    rows = [f"{i % 6}.5,{labels[i % len(labels)]}" for i in range(60)]
    (root / "t.csv").write_text("\n".join(["x,label", *rows]))
    return "table:t.csv,label=label"


@pytest.mark.parametrize(
    "labels", [["01", "1"], ["0", "0.0"], ["None", "1"], ["True", "true"], ["1e3", "1000"]]
)
def test_labels_are_texts(root: Path, labels: list[str]) -> None:
    name = labelled(root, labels)
    assert read(name).classes == tuple(sorted(labels))
    about = told(name)
    assert [each.name for each in about.classes] == sorted(labels)
    assert [sum(each.examples.values()) for each in about.classes] == [30, 30]
    if "None" not in labels:
        assert "told apart as they are written" in about.warnings[0]


def test_labels_are_texts_in_long_files_too(root: Path) -> None:
    labels = ["1"] * 40_000 + ["01"] * 30_000
    rows = "\n".join(f"{i % 97},{label}" for i, label in enumerate(labels))
    (root / "t.csv").write_text(f"x,label\n{rows}\n")
    columns = read("table:t.csv,label=label")
    assert columns.classes == ("01", "1")
    assert np.bincount(columns.y).tolist() == [30_000, 40_000]


def test_names_in_the_terms_must_exist(root: Path) -> None:
    name = written(root, ["a", "b"])
    refused(f"{name},without=y", "has no column 'y'")
    refused(f"{name},words=X", "did you mean 'x'?")
    refused(f"{name},without=label", "cannot be left out")
    refused(f"{name},mising=?", "did you mean 'missing'?")
    assert "missing=zz: no value is 'zz'" in told(f"{name},missing=zz").warnings


def test_the_key_holds_the_terms(root: Path) -> None:
    name = written(root, ["a", "b"])
    keys = {tuple(resolve(name + tail).identity()) for tail in ("", ",missing=a", ",without=n")}
    assert len(keys) == 3


def test_parquet_is_read_as_its_types_say(root: Path) -> None:
    frame = pd.DataFrame(
        {
            "whole": pd.array([None if i % 5 == 0 else i for i in range(40)], "Int64"),
            "real": [i / 3 for i in range(40)],
            "flag": [i % 3 == 0 for i in range(40)],
            "bags": ["None" if i % 4 else "Driver" for i in range(40)],
            "code": pd.Categorical([f"{i % 3}" for i in range(40)]),
            "text": [f"{i % 7}" for i in range(40)],
            "label": [float(i % 2) for i in range(40)],
        }
    )
    frame.to_parquet(root / "t.parquet")
    columns = read("table:t.parquet,label=label")
    kinds = {each.name: each.levels or "number" for each in columns.table}
    assert kinds == {
        "whole": "number",
        "real": "number",
        "flag": ("False", "True"),
        "bags": ("Driver", "None"),
        "code": ("0", "1", "2"),
        "text": "number",
    }
    assert columns.classes == ("0.0", "1.0")
    assert columns.table[0].missing == 8
    whole = frame.assign(label=[i % 2 for i in range(40)])
    whole.to_parquet(root / "u.parquet")
    assert read("table:u.parquet,label=label").classes == ("0", "1")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (pd.date_range("2020", periods=40), "holds times"),
        ([[1, 2]] * 40, "holds values of type list"),
        ([b"x"] * 40, "holds values of type binary"),
        ([np.inf] * 40, "infinite"),
        ([None] * 40, "no value at all"),
        (["?"] + ["a"] * 39, "holds '?' (row 1)"),
    ],
)
def test_parquet_columns_that_cannot_be_used(root: Path, values: list, says: str) -> None:
    pd.DataFrame({"n": range(40), "x": values, "label": LABELS}).to_parquet(root / "t.parquet")
    refused("table:t.parquet,label=label", says)
    kept = family_of("table:t.parquet,label=label,without=x", "").columns()  # type: ignore[attr-defined]
    assert [each.name for each in kept.table] == ["n"]
