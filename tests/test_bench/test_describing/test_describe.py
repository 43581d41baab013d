"""A description says what was read, what regimes changed, and what is doubtful, by name."""

from pathlib import Path

import numpy as np
import pytest
from test_bench.test_tasks.data_files import SEED

from bench.describing.describe import class_warnings, describe, licence_of
from bench.describing.model import ClassDescription, TaskDescription, read_descriptions, warnings_of
from bench.tasks.catalogue import FAMILIES
from bench.tasks.resolve import resolve

pytestmark = pytest.mark.usefixtures("root")


def told(name: str, *, test: bool = True) -> TaskDescription:
    return describe(resolve(name), test=test)


def table(root: Path, **columns: list) -> str:
    """A table with a label that alternates in runs of 20, and these columns of 60 values."""
    columns["label"] = [("a", "b", "c")[i // 20] for i in range(60)]
    rows = zip(*columns.values(), strict=True)
    text = "\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows)])
    (root / "t.csv").write_text(text)
    return "table:t.csv,label=label"


RANDOM = np.random.default_rng(0).permutation(60)
PLAIN = [f"{i % 7}.5" for i in range(60)]


def test_every_family_that_needs_no_files_is_described() -> None:
    for family in FAMILIES.entries():
        assert licence_of(family) in family.data
    for name in ("digits", "wine", "moons", "planar", "blobs:features=4,classes=3"):
        about = told(name)
        ref = resolve(name)
        task = ref.source(test=True)(SEED)
        assert (about.inputs, len(about.classes)) == ref.shape
        assert list(about.examples) == ["train", "inner_valid", "outer_valid", "test"]
        for split, count in about.examples.items():
            assert sum(each.examples[split] for each in about.classes) == count
            if split != "train" or ref.family.train_size[0] == ref.family.train_size[1]:
                assert count == len(getattr(task, split).y)
        assert (about.picture is not None) == (task.image is not None)
        assert read_descriptions([about.as_json()]) == [about]
    assert told("wine").classes[0].name == "class_0"
    assert [each.name for each in told("wine").features][:2] == ["alcohol", "malic_acid"]
    assert (told("wine").licence, told("moons").licence) == ("CC BY 4.0", "no licence needed")


def test_without_test_its_examples_are_not_counted() -> None:
    assert list(told("digits", test=False).examples) == ["train", "inner_valid", "outer_valid"]


@pytest.mark.parametrize(
    ("regime", "changed"),
    [
        ("noise=0.4", "343 of 858 training labels moved"),
        ("pairflip=0.3", "257 of 858 training labels moved"),
        ("few=100", "758 of 858 training examples removed"),
        ("input_noise=0.5", "the values of 858 training examples changed, no label"),
        (
            "label_drift=0.5",
            "858 of 858 training labels are others after the drift; it begins at 50% of the "
            "training",
        ),
        (
            "rotation_drift=0.5",
            "the values of 858 training examples are others after the drift; it begins at 50% of "
            "the training",
        ),
    ],
)
def test_what_a_regime_changed_is_counted(regime: str, changed: str) -> None:
    assert [each.changed for each in told(f"digits+{regime}").regimes] == [changed]


def test_several_regimes_are_counted_one_after_the_other() -> None:
    about = told("digits+imbalance=20+noise=0.4+valid=noisy+prior_drift=0.5+over=0.2")
    removed, moved, drift, over, valid = about.regimes
    left = about.examples["train"]
    assert removed.changed == f"{858 - left} of 858 training examples removed"
    assert moved.changed == f"{round(0.4 * left)} of {left} training labels moved"
    assert "training examples after the drift; it begins at 50%" in drift.changed
    assert over.changed == "the drift takes 20% of the training"
    assert valid.changed == "80 of 200 inner_valid labels moved"


@pytest.mark.parametrize(
    ("column", "says"),
    [
        (list(range(1, 61)), "column 'x' is an index: it rises from row to row"),
        (list(range(60, 0, -1)), "column 'x' is an index: it falls"),
        (
            [1000 + i for i in RANDOM],
            "column 'x' is nearly unique: 60 different whole numbers in 60 rows",
        ),
        (
            [f"car {i}" for i in RANDOM],
            "column 'x' is nearly unique: 60 different words in 60 rows",
        ),
        (
            [f"c{i // 20}" for i in range(60)],
            "column 'x' determines the label: it alone gives it in every row",
        ),
        ([i // 20 + 0.5 for i in range(60)], "column 'x' determines the label"),
        ([i // 10 for i in range(60)], "column 'x' determines the label"),
        (
            [-999 if i % 9 == 3 else i * 37 % 50 for i in range(60)],
            "holds -999 in 7 rows, far from",
        ),
        ([9999 if i % 9 == 3 else i * 37 % 50 / 4 for i in range(60)], "add missing=9999, as"),
        (["3"] * 60, "column 'x' has the same value in every row, '3'"),
        (["red"] * 60, "column 'x' has the same value in every row, 'red'"),
    ],
)
def test_doubtful_columns_are_warned_of_by_name(root: Path, column: list, says: str) -> None:
    warnings = told(table(root, x=column, y=PLAIN)).warnings
    assert any(says in warning for warning in warnings), warnings
    assert not any("'y'" in warning for warning in warnings)


@pytest.mark.parametrize(
    "column",
    [
        [f"{i * 37 % 60}.25" for i in range(60)],  # real numbers differ as a rule
        [i % 6 for i in range(60)],
        ["red", "", "blue"] * 20,
        [99 if i % 9 == 3 else i * 37 % 60 for i in range(60)],  # near others: a number as they are
        [999, *(i * 37 % 50 for i in range(59))],  # once
        ["", "1"] * 30,  # what is missing says something
    ],
)
def test_columns_in_order_are_not_warned_of(root: Path, column: list) -> None:
    assert told(table(root, x=column, y=PLAIN)).warnings == ()


def test_rs_row_names_are_warned_of(root: Path) -> None:
    rows = "".join(f'"{i + 1}",{PLAIN[i]},{"abc"[i // 20]}\n' for i in range(60))
    (root / "t.csv").write_text(f'"","y","label"\n{rows}')
    warnings = told("table:t.csv,label=label").warnings
    assert "column 'column 1' is an index" in warnings[0]
    assert "column 'column 1' determines the label" in warnings[1]
    assert told("table:t.csv,label=label,without=column 1").warnings == ()
    (root / "t.csv").write_text(f'"rownames","y","label"\n{rows}')
    assert "column 'rownames' is an index" in told("table:t.csv,label=label").warnings[0]


def test_rare_and_absent_classes_are_warned_of(root: Path) -> None:
    rows = "".join(f"{i % 7}.5,{'rare' if i < 6 else 'ab'[i % 2]}\n" for i in range(60))
    (root / "t.csv").write_text(f"x,label\n{rows}")
    about = told("table:t.csv,label=label")
    [warning] = about.warnings
    assert warning == "class 'rare' has 2 training examples, fewer than 5"
    assert warnings_of([about]) == [f"task 'table:t.csv,label=label': {warning}"]
    assert any("fewer than 5" in each for each in told("digits+imbalance=200").warnings)


def test_a_class_that_a_split_lacks_is_named() -> None:
    classes = [
        ClassDescription(name="a", examples={"train": 9, "test": 0}),
        ClassDescription(name="b", examples={"train": 3, "test": 1}),
        ClassDescription(name="c", examples={"train": 0, "test": 9}),
    ]
    assert class_warnings(classes) == [
        "class 'c' is absent from the train split",
        "class 'a' is absent from the test split",
        "class 'b' has 4 examples, fewer than 5",
    ]
