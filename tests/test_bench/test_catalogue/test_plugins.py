"""Plug-ins: a user's own task, loss and learner through the whole loop, and what is refused."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from places import PLUGINS

from bench.catalogue import plugins
from bench.catalogue.learners import learner, learner_identity
from bench.cells.loss_ref import reference
from bench.errors import InputError
from bench.experiment.model import load
from bench.store.schema import cells
from bench.store.store import Store
from bench.tasks.catalogue import FAMILIES
from bench.tasks.resolve import resolve
from mln.config import LossSpec

QUICK = [
    f"--set={override}"
    for override in (
        "benchmark.seeds=2",
        "benchmark.training.steps=10",
        "benchmark.tasks=['rings']",
    )
]


@pytest.fixture(autouse=True)
def nothing_loaded() -> Iterator[None]:
    plugins.forget_files()
    yield
    plugins.forget_files()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The examples, where they can be changed."""
    return Path(shutil.copytree(PLUGINS, tmp_path / "own"))


def run(folder: Path, tmp_path: Path, *words: str) -> dict[str, int]:
    mln_bench = Path(sys.executable).parent / "mln-bench"
    storage = f"sqlite:///{tmp_path}/mln.db"
    ended = subprocess.run(
        [mln_bench, "run", folder / "plugins.toml", "--json", "--storage", storage, *QUICK, *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    count: dict[str, int] = json.loads(ended.stdout)[0]
    return count


@pytest.mark.slow
def test_own_task_loss_and_learner_in_worker_processes(folder: Path, tmp_path: Path) -> None:
    count = run(folder, tmp_path)
    assert count["done"] == 3 * 4 * 2
    assert count["failed"] == count["missing"] == 0
    store = Store(f"sqlite:///{tmp_path}/mln.db")
    before = {row["key"] for row in store.rows(cells)}
    assert {row["learner"] for row in store.rows(cells)} == {"ResidualMLP"}

    # A change to a file makes what depends on it missing, and nothing else.
    loss = folder / "asymmetric.py"
    loss.write_text(loss.read_text() + "\n# another comment\n")
    run(folder, tmp_path)
    new = [row for row in store.rows(cells) if row["key"] not in before]
    assert {row["loss"] for row in new} == {"asymmetric"}


def test_keys_hold_the_file_of_a_plug_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def keys() -> list[object]:
        plugins.forget_files()
        load(str(folder / "plugins.toml"))
        return [
            resolve("rings+noise=0.2").identity(),
            resolve("rings|spirals").identity(),
            reference("asymmetric", LossSpec()).identity(),
            learner_identity(learner("residual")),
        ]

    before = keys()
    assert keys() == before
    for name, touched in (
        ("rings.py", (0, 1)),
        ("asymmetric.py", (2,)),
        ("residual.py", (3,)),
    ):
        text = (folder / name).read_text()
        (folder / name).write_text(text + "\nCHANGED = True\n")
        after = keys()
        for place, (old, new) in enumerate(zip(before, after, strict=True)):
            assert (old != new) == (place in touched), (name, place)
        before = after
    assert resolve("spirals").identity() == ["spirals", ""]


def test_a_name_of_a_plug_in_is_as_good_as_any(folder: Path) -> None:
    experiment = load(str(folder / "plugins.toml"))
    assert experiment.benchmark is not None
    assert experiment.benchmark.learner.kind == "module"
    assert resolve("iris").shape == (4, 3)
    assert reference("asymmetric", LossSpec()).parameter == 0.5
    with pytest.raises(InputError, match="did you mean 'rings'"):
        resolve("ringz")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("def f(:", "SyntaxError"),
        ("import nothing_of_this_name", "No module named 'nothing_of_this_name'"),
        ("X = 1", "defines none of TASKS, LOSSES and LEARNERS"),
        (
            "from bench.catalogue.losses import LossEntry\nLOSSES = [LossEntry('ce', '', '')]",
            "'ce' is among the losses already",
        ),
        (
            "from bench.tasks.families.synthetic import SyntheticFamily, moons\n"
            "TASKS = [SyntheticFamily('moons', 2, 2, moons)]",
            "'moons' is among the tasks already",
        ),
        (
            "from bench.tasks.families.synthetic import SyntheticFamily, moons\n"
            "TASKS = [SyntheticFamily('my+moons', 2, 2, moons)]",
            "tasks need a `name` of letters",
        ),
        ("LEARNERS = [3]", "learners need a `name`"),
        (
            "from bench import LossEntry\nLOSSES = 2 * [LossEntry('mine', '', '')]",
            "two losses are called 'mine'; rename one",
        ),
    ],
)
def test_a_bad_file_is_one_line_and_leaves_nothing(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "bad.py").write_text(text)
    with pytest.raises(InputError) as caught:
        plugins.load_files([tmp_path / "bad.py"])
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert plugins.loaded_files() == ()
    for register in plugins.REGISTERS.values():
        assert all(register.digest(name) == "" for name in register)


NAN = """
import numpy as np
from bench.tasks.families.arrays import ArrayFamily

def gap():
    x = np.ones((60, 3)); x[7, 2] = np.nan
    return x, np.arange(60) % 2

def one():
    return np.ones((60, 3)), np.zeros(60)

def small():
    return np.ones((2, 3)), np.array([0, 1])

def words():
    return np.array([["a"]] * 60), np.arange(60) % 2

TASKS = [ArrayFamily(f.__name__, f, "", "") for f in (gap, one, small, words)]
"""


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gap", "nan in row 7, feature 2"),
        ("one", "a task needs two classes"),
        ("small", "class '0' has 1 example; each class needs 5"),
        ("words", "the features must be numbers"),
    ],
)
def test_bad_arrays_are_one_line(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "arrays.py").write_text(NAN)
    plugins.load_files([tmp_path / "arrays.py"])
    with pytest.raises(InputError, match=words):
        _ = resolve(name).shape


def test_an_installed_package_names_its_objects_as_entry_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(PLUGINS / "rings.py", tmp_path / "ring_package.py")
    about = tmp_path / "ring_package-1.2.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: ring_package\nVersion: 1.2\n")
    (about / "entry_points.txt").write_text("[mln_bench.tasks]\nrings = ring_package:RINGS\n")
    text = (tmp_path / "ring_package.py").read_text()
    (tmp_path / "ring_package.py").write_text(text + "\nRINGS = TASKS[0]\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    FAMILIES.forget_added()
    try:
        assert resolve("rings").shape == (2, 3)
        name, _, digest = resolve("rings").identity()
        assert name == "rings"
        assert digest.startswith("1.2 ")
        assert [p.name for p in metadata.entry_points(group="mln_bench.tasks")] == ["rings"]
    finally:
        monkeypatch.undo()
        FAMILIES.forget_added()
