"""The register: what is found by name, what is refused, and what results' keys hold of an entry."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import bench.errors
import bench.register
from bench.errors import InputError
from bench.register import Register, file_digest, module_digest


class Colour(NamedTuple):
    """Something with a name."""

    name: str
    code: str = ""


Installer = Callable[[str, str], Path]


@pytest.fixture
def colours() -> Register[Colour]:
    """A register of one's own."""
    return Register("colours", "colour", (Colour("red", "f00"), Colour("green", "0f0")))


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installer:
    """Install a package of one module, version 1.2, with entry points of a register of colours."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def installed(module: str, points: str) -> Path:
        name = f"paint_{tmp_path.name}"
        about = tmp_path / f"{name}-1.2.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        lines = points.replace("MODULE", name)
        (about / "entry_points.txt").write_text(f"[mln_bench.colours]\n{lines}\n")
        file = tmp_path / f"{name}.py"
        file.write_text(f"from test_bench.test_register import Colour\n{module}\n")
        return file

    return installed


def line(action: Callable[[], Any]) -> str:
    """What is said of bad input, in one line."""
    with pytest.raises(InputError) as caught:
        action()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_entries_are_found_by_name(colours: Register[Colour]) -> None:
    assert colours.get("red").code == "f00"
    assert colours.find("red") is colours.get("red")
    assert colours.find("blue") is None
    assert "red" in colours
    assert "blue" not in colours
    assert 3 not in colours
    assert len(colours) == 2


def test_an_unknown_name_gets_the_nearest_one(colours: Register[Colour]) -> None:
    assert line(lambda: colours.get("gren")) == "colour 'gren': unknown; did you mean 'green'?"
    assert line(lambda: colours.get("zz")) == "colour 'zz': unknown; valid are: green, red"
    colours.add(Colour("azure"))
    assert "did you mean 'azure'?" in line(lambda: colours.get("asure"))


def test_entries_keep_their_order_and_what_is_added_comes_last(colours: Register[Colour]) -> None:
    colours.add(Colour("blue"))
    colours.add(Colour("amber"))
    assert list(colours) == ["red", "green", "blue", "amber"]
    assert [colour.name for colour in colours.entries()] == list(colours)
    colours.forget_added()
    assert list(colours) == ["red", "green"]


@pytest.mark.parametrize("entry", [Colour("my+blue"), Colour(""), Colour("a b"), 3, None])
def test_a_bad_name_is_refused(colours: Register[Colour], entry: Any) -> None:
    name = getattr(entry, "name", None)
    message = line(lambda: colours.add(entry, where="file.py"))
    assert message.startswith("file.py: colours need a `name` of letters, digits")
    assert message.endswith(f"not {name!r}")
    assert len(colours) == 2


def test_a_name_that_is_taken_is_refused(colours: Register[Colour]) -> None:
    message = line(lambda: colours.add(Colour("red", "e00"), where="file.py"))
    assert message == "file.py: 'red' is among the colours already; choose another name"
    colours.add(Colour("blue", "00f"))
    assert line(lambda: colours.add(Colour("blue"))).startswith("colours: 'blue' is among")
    assert (colours.get("red").code, colours.get("blue").code) == ("f00", "00f")


def test_a_check_adds_nothing(colours: Register[Colour]) -> None:
    colours.check(Colour("blue"), "file.py")
    assert "blue" not in colours


def test_keys_hold_the_digest_of_what_was_added(colours: Register[Colour]) -> None:
    colours.add(Colour("blue"), "abc")
    assert [colours.digest(name) for name in ("red", "blue", "nothing")] == ["", "abc", ""]


def test_an_installed_package_adds_by_an_entry_point(
    colours: Register[Colour], install: Installer
) -> None:
    file = install("BLUE = Colour('blue', '00f')", "any = MODULE:BLUE")
    colours.add(Colour("amber"))
    assert list(colours) == ["red", "green", "blue", "amber"]
    assert colours.get("blue").code == "00f"
    assert colours.digest("blue") == f"1.2 {file_digest(file)}"
    assert "'blue' is among" in line(lambda: colours.add(Colour("blue")))


@pytest.mark.parametrize(
    ("module", "points", "words"),
    [
        ("1 / 0", "blue = MODULE:BLUE", "ZeroDivisionError"),
        ("", "blue = MODULE:BLUE", "has no attribute 'BLUE'; repair or uninstall its package"),
        ("BLUE = 3", "blue = MODULE:BLUE", "colours need a `name`"),
        ("BLUE = Colour('red')", "blue = MODULE:BLUE", "'red' is among the colours already"),
        ("A = B = Colour('a')", "a = MODULE:A\nb = MODULE:B", "'a' is among the colours already"),
    ],
)
def test_a_bad_package_is_one_line_every_time(
    colours: Register[Colour], install: Installer, module: str, points: str, words: str
) -> None:
    install(module, points)
    for _ in range(2):
        message = line(lambda: colours.find("blue"))
        assert message.startswith("entry point ")
        assert words in message
    assert colours.get("red").code == "f00"


def test_a_package_may_look_something_up_while_it_is_imported(
    colours: Register[Colour], install: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench.register, "colours", colours, raising=False)
    install(
        "from bench.register import colours\n"
        "assert 'red' in colours and 'blue' not in colours\n"
        "BLUE = Colour('blue')",
        "blue = MODULE:BLUE",
    )
    assert list(colours) == ["red", "green", "blue"]


def test_the_digest_of_a_module_is_that_of_its_file() -> None:
    assert module_digest("bench.errors") == file_digest(Path(bench.errors.__file__))
    assert module_digest("bench.store.url") != ""
    assert module_digest("no_module_of_this_name") == ""
    assert module_digest("sys") == ""
