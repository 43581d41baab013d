"""CIFAR-10N: people's labels from a file of the official one's form, and files that are not it."""

import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from test_bench.test_tasks.data_files import SEED, refused, write_batches

from bench.describing.describe import describe
from bench.errors import InputError
from bench.tasks.regimes.human import COLUMNS, FILE
from bench.tasks.resolve import resolve
from mln.examples import Examples
from mln.task import Split

Labels = dict[str, np.ndarray]


def rows(split: Split) -> np.ndarray:
    assert isinstance(split.x, Examples)
    return split.x.rows


@pytest.fixture
def labels(root: Path, monkeypatch: pytest.MonkeyPatch) -> Labels:
    """Pictures in CIFAR-10's layout, and the file of labels as the authors wrote it."""
    y = write_batches(root, monkeypatch)[1][:200]
    given = {"clean_label": y} | {
        column: np.where(np.arange(200) % (3 + number) == 0, (y + 1 + number) % 10, y)
        for number, column in enumerate(COLUMNS.values())
    }
    torch.save(given, root / FILE)
    return given


@pytest.mark.parametrize("which", COLUMNS)
def test_the_training_labels_are_those_that_people_gave(which: str, labels: Labels) -> None:
    clean, task = (
        resolve(name).source(test=True)(SEED) for name in ("cifar10", f"cifar10+cifar10n={which}")
    )
    np.testing.assert_array_equal(rows(task.train), rows(clean.train))
    np.testing.assert_array_equal(task.train.y, labels[COLUMNS[which]][rows(task.train)])
    assert (task.train.y != clean.train.y).any()
    for split in ("inner_valid", "outer_valid", "test"):
        np.testing.assert_array_equal(getattr(task, split).y, getattr(clean, split).y)


@pytest.mark.usefixtures("labels")
def test_a_smaller_set_keeps_each_pictures_own_label_and_validation_may_be_noisy() -> None:
    ref = resolve("cifar10+imbalance=2+cifar10n=worst+valid=noisy")
    assert ref.name == "cifar10+imbalance=2+cifar10n=worst+valid=noisy"
    assert resolve(ref.name).name == ref.name
    task = ref.source(test=False)(SEED)
    clean = resolve("cifar10+imbalance=2").source(test=False)(SEED)
    assert len(task.train.y) == len(clean.train.y)
    for split in ("train", "inner_valid"):
        share = (getattr(task, split).y != getattr(clean, split).y).mean()
        assert share == pytest.approx(1 / 3, abs=0.2)
    described = describe(resolve("cifar10+cifar10n=worst"))
    assert "training labels moved" in described.regimes[0].changed


def test_a_key_holds_the_files_content(root: Path, labels: Labels) -> None:
    ref = resolve("cifar10+cifar10n=aggre")
    before = ref.identity()
    labels["random_label3"][0] = 9 - labels["random_label3"][0]
    torch.save(labels, root / FILE)
    assert ref.identity() != before
    assert resolve("cifar10").identity() != before


def test_a_file_of_an_older_numpy_is_read(root: Path, labels: Labels) -> None:
    """As the official one is: numpy was called numpy.core."""
    file, older = root / FILE, root / "older.pt"
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(older, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name.endswith("data.pkl"):
                assert b"numpy._core" in content
                content = content.replace(b"numpy._core", b"numpy.core")
            target.writestr(name, content)
    older.replace(file)
    task = resolve("cifar10+cifar10n=worst").source(test=False)(SEED)
    np.testing.assert_array_equal(task.train.y, labels["worse_label"][rows(task.train)])


class Evil:
    """What a pickle may run where it is loaded without care."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, ...]]:
        return open, ("ran", "w")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda file, given: file.unlink(), "put CIFAR-10_human.pt (CC BY-NC 4.0, from https://"),
        (lambda file, given: file.write_bytes(b"no"), "not the labels of CIFAR-10N"),
        (
            lambda file, given: torch.save({"clean_label": given["clean_label"]}, file),
            "it has no worse_label",
        ),
        (
            lambda file, given: torch.save(given | {"aggre_label": np.arange(200) - 1}, file),
            "0 to 9",
        ),
        (lambda file, given: torch.save(given | {"aggre_label": np.zeros(9)}, file), "whole"),
        (
            lambda file, given: torch.save(
                given | {"clean_label": given["clean_label"][::-1].copy()}, file
            ),
            "not those of these pictures",
        ),
        (
            lambda file, given: torch.save({key: y[:50] for key, y in given.items()}, file),
            "has 50 labels, fewer",
        ),
        (lambda file, given: torch.save(given | {"aggre_label": Evil()}, file), "not the labels"),
        (lambda file, given: file.write_bytes(pickle.dumps(Evil())), "not the labels"),
    ],
)
def test_what_is_not_the_file_is_refused_in_one_line(
    change: Callable[[Path, Labels], object],
    reason: str,
    root: Path,
    labels: Labels,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    change(root / FILE, labels)
    refused("cifar10+cifar10n=aggre", reason)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("digits+cifar10n=worst", "is for the task cifar10"),
        ("cifar10+cifar10n=wrost", "did you mean 'worst'?"),
        ("cifar10+cifar10n=0.4", "valid are: aggre, random1, random2, random3, worst"),
        ("cifar10+cifar10n=worst+noise=0.2", "exclude each other"),
    ],
)
@pytest.mark.usefixtures("labels")
def test_a_name_that_makes_no_sense(name: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason.replace("?", r"\?")):
        resolve(name)
