"""Hostile input: whatever a file holds, one line, exit code 2, nothing run, nothing written."""

import ast
import json
import pickle
import struct
import tempfile
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from places import ROOT
from test_reports.simulated import simulated
from typer.testing import CliRunner

from bench.cli.app import app
from bench.errors import InputError
from bench.experiment.model import load, shipped
from mln import MetaLoss
from mln.checkpoint import NOTE, read
from mln.files import FORMAT, LossFileError, load_loss
from reports.benchmark.report import write_report

FAST, SLOW = 300, 10_000
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


def cases(count: int) -> Any:
    return settings(
        max_examples=count, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )


def counted(check: Any, *strategies: Any) -> Any:
    """A test of a property with few cases in `make test` and with many in `make test-slow`."""

    @pytest.mark.parametrize("count", [FAST, pytest.param(SLOW, marks=pytest.mark.slow)])
    def test(count: int) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            seen = [0]

            @cases(count)
            @given(st.tuples(*strategies))
            def property_(values: tuple[Any, ...]) -> None:
                seen[0] += 1
                check(folder, *values)

            property_()
            print(f"{check.__name__}: {seen[0]} cases")
            assert [path.name for path in folder.iterdir()] == ["given"]

    return test


def valid_loss() -> bytes:
    with tempfile.TemporaryDirectory() as name:
        MetaLoss().save(Path(name) / "loss.safetensors")
        return (Path(name) / "loss.safetensors").read_bytes()


VALID = valid_loss()
"""A good file, to be damaged."""


def safetensors_file(header: Any, body: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def header_with(about: Any) -> bytes:
    """A file that is well-formed but for what it says of itself."""
    size = 4 * 8
    note = about if isinstance(about, str) else json.dumps(about)
    tensor = {"dtype": "F32", "shape": [8], "data_offsets": [0, size]}
    return safetensors_file({"__metadata__": {FORMAT: note}, "genome": tensor}, bytes(size))


def message_of(kind: type[Exception], action: Callable[[], Any]) -> str:
    """What the expected exception says, on one line; empty where nothing was wrong."""
    try:
        action()
    except kind as error:
        said = str(error)
    else:
        return ""
    assert said
    assert len(said.splitlines()) == 1
    return said


def refused_or_loaded(folder: Path, content: bytes) -> None:
    file = folder / "given"
    file.write_bytes(content)
    said = message_of(LossFileError, lambda: load_loss(file))
    assert not said or str(file) in said
    assert read(file, "mine") is None


def damaged(places: list[tuple[int, int]], cut: int) -> bytes:
    content = bytearray(VALID)
    for place, byte in places:
        content[place % len(content)] = byte
    return bytes(content[: cut % (len(content) + 1)] if cut else content)


def a_damaged_loss_file(folder: Path, places: list[tuple[int, int]], cut: int) -> None:
    refused_or_loaded(folder, damaged(places, cut))


def any_bytes_as_a_loss_file(folder: Path, content: bytes) -> None:
    refused_or_loaded(folder, content)


def a_loss_file_that_lies(folder: Path, about: Any, spec: Any) -> None:
    refused_or_loaded(folder, header_with(about))
    refused_or_loaded(folder, header_with({"version": 2, "spec": spec, "provenance": about}))


def a_checkpoint_that_lies(folder: Path, state: Any, cohort: Any) -> None:
    note = {"identity": "mine", "state": state, "history": [], "cohort": cohort}
    file = folder / "given"
    file.write_bytes(safetensors_file({"__metadata__": {NOTE: json.dumps(note)}}, b""))
    read(file, "mine")


def any_text_as_an_experiment(folder: Path, text: str) -> None:
    refused_or_valid(folder, text)


def a_shipped_experiment_changed(folder: Path, name: str, place: int, text: str) -> None:
    source = (ROOT / "bench" / "experiment" / "shipped" / f"{name}.toml").read_text()
    at = place % (len(source) + 1)
    refused_or_valid(folder, source[:at] + text + source[at + len(text) :])


def an_override_of_anything(folder: Path, name: str, key: str, value: str) -> None:
    (folder / "given").write_text("")
    message_of(InputError, lambda: load(name, [f"{key}={value}"]))


def refused_or_valid(folder: Path, text: str) -> None:
    file = folder / "given"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    message_of(InputError, lambda: load(str(file)))


BYTE_PLACES = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=6)
NAMES = st.sampled_from(sorted(shipped()))
SPEC_KEYS = st.sampled_from(["hidden", "start", "state", "scope", "classes", "head", "x"])
KEYS = st.sampled_from(
    ["seed", "name", "evolution.runs", "benchmark.tasks", "tuning.rates", "a.b.c", "report.rope"]
) | st.text(max_size=12)

test_damaged_loss_file = counted(a_damaged_loss_file, BYTE_PLACES, st.integers(0, 5_000))
test_any_bytes = counted(any_bytes_as_a_loss_file, st.binary(max_size=400))
test_lying_loss_file = counted(
    a_loss_file_that_lies, JSON_VALUES, st.dictionaries(SPEC_KEYS, JSON_VALUES)
)
test_lying_checkpoint = counted(a_checkpoint_that_lies, JSON_VALUES, JSON_VALUES)
test_any_toml = counted(any_text_as_an_experiment, st.text(max_size=200))
test_changed_toml = counted(
    a_shipped_experiment_changed, NAMES, st.integers(0, 5_000), st.text(max_size=12)
)
test_any_override = counted(an_override_of_anything, NAMES, KEYS, st.text(max_size=20))


class Bomb:
    """Leaves a mark where it is unpickled."""

    def __init__(self, mark: str) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path(self.mark),)


def test_a_pickle_is_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "run"
    bomb = tmp_path / "loss.safetensors"
    bomb.write_bytes(pickle.dumps(Bomb(str(mark))))
    with pytest.raises(LossFileError):
        load_loss(bomb)
    assert read(bomb, "mine") is None
    ended = CliRunner().invoke(app, ["explain", str(bomb)])
    assert isinstance(ended.exception, InputError)
    assert not mark.exists()
    pickle.loads(bomb.read_bytes())
    assert mark.exists()  # it would have been noticed


def test_pickles_are_read_from_nothing_but_our_own_workers() -> None:
    """torch.load of more than weights, np.load(allow_pickle), pickle and eval are called in no
    other place."""
    calls = set()
    for folder in ("mln", "bench", "studies", "reports"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if not isinstance(node, ast.Call):
                    continue
                name = ast.unparse(node.func)
                unsafe = name in ("pickle.load", "pickle.loads", "torch.load", "eval", "exec")
                words = {word.arg: ast.unparse(word.value) for word in node.keywords}
                if name == "torch.load" and words.get("weights_only") == "True":
                    continue
                allowed = [word.value for word in node.keywords if word.arg == "allow_pickle"]
                if unsafe or any(ast.unparse(value) != "False" for value in allowed):
                    calls.add((path.name, name))
    # A conformance test pickles a plug-in's own object, and reads it back.
    places = ("dask_pool.py", "dask_worker.py", "testing.py")
    assert calls == {(place, "pickle.loads") for place in places}


@pytest.mark.parametrize("name", ["../../evil", "a/b", "/etc/passwd", "<script>", "a\x00b", ""])
def test_an_experiment_cannot_name_a_place_outside(name: str, tmp_path: Path) -> None:
    file = tmp_path / "given.toml"
    file.write_text(f"name = {json.dumps(name)}\n")
    with pytest.raises(InputError):
        load(str(file))


class Elements(HTMLParser):
    """The elements of a page, and the text of those that are scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element and its event handlers."""
        self.names += [tag, *(name for name, _ in attrs if name.startswith("on"))]

    def handle_data(self, data: str) -> None:
        """Note the text of a script."""
        if self.names and self.names[-1] == "script":
            self.scripts.append(data)


def test_names_stay_text_in_a_report(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    store, experiment = simulated(
        tmp_path / "mln.db", tasks=(evil, "spirals"), losses=("ce", "mse"), seeds=6, runs=1
    )
    written = write_report(store, experiment, tmp_path / "report", [f"mln-bench run {evil}"])
    page = written.paths.html.read_text()
    parser = Elements()
    parser.feed(page)
    assert "onerror" not in parser.names
    assert "img" not in parser.names or "src=x" not in page
    assert not any("alert(" in script for script in parser.scripts)
    assert "&lt;script&gt;" in page
    for figure in written.paths.figures:
        assert b"<script>alert" not in figure.read_bytes()
