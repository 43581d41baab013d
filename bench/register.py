"""What can be named: built-in entries, those of plug-in files, and those of installed packages.

There is one register each for tasks (`bench.tasks.catalogue`), losses (`bench.catalogue.losses`)
and learners (`bench.catalogue.learners`). An installed package adds to one by an entry point of the
group mln_bench.tasks, mln_bench.losses or mln_bench.learners; a file does so through
`bench.catalogue.plugins`.
"""

import hashlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from bench.errors import InputError, nearest


class Named(Protocol):
    """Anything with a name."""

    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=Named)


class Added(NamedTuple, Generic[T]):
    """An entry that does not come with the suite, and a digest of its source."""

    entry: T
    digest: str


class Register(Generic[T]):
    """Entries by name, in the order in which they were declared; built-in ones first.

    kind: what is registered, in the plural, as in the name of its entry points.
    """

    def __init__(self, kind: str, noun: str, built_in: Iterable[T]) -> None:
        self.kind, self.noun = kind, noun
        self._built_in = {entry.name: entry for entry in built_in}
        self._files: dict[str, Added[T]] = {}
        self._packages: dict[str, Added[T]] | None = None

    def add(self, entry: T, digest: str = "", where: str = "") -> None:
        """Add an entry; `digest` becomes part of the key of every result that depends on it.

        Raises InputError as `check` does.
        """
        self.check(entry, where or self.kind)
        self._files[entry.name] = Added(entry, digest)

    def check(self, entry: Any, where: str) -> None:
        """Raises InputError for what has no usable name, or the name of another entry."""
        name = getattr(entry, "name", None)
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
            raise InputError(
                f"{where}: {self.kind} need a `name` of letters, digits, '_', '.' and '-', "
                f"not {name!r}"
            )
        if name in self._built_in or name in self._files:
            raise InputError(
                f"{where}: {name!r} is among the {self.kind} already; choose another name"
            )

    def get(self, name: str) -> T:
        """The entry of this name. Raises InputError, with the nearest name, where there is none."""
        entry = self.find(name)
        if entry is None:
            raise InputError(f"{self.noun} {name!r}: unknown{nearest(name, self)}")
        return entry

    def find(self, name: str) -> T | None:
        """The entry of this name, or None."""
        if name in self._built_in:
            return self._built_in[name]
        added = self._files.get(name) or self._installed().get(name)
        return added.entry if added else None

    def digest(self, name: str) -> str:
        """What a result's key holds of an entry's source; "" for what is built in or unknown."""
        if name in self._built_in:
            return ""
        added = self._files.get(name) or self._installed().get(name)
        return added.digest if added else ""

    def entries(self) -> tuple[T, ...]:
        """All entries."""
        return tuple(entry for name in self if (entry := self.find(name)) is not None)

    def forget_added(self) -> None:
        """Leave the built-in entries alone, as in a new process; packages are looked up anew."""
        self._files.clear()
        self._packages = None

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.find(name) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*self._built_in, *self._installed(), *self._files)))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def _installed(self) -> dict[str, Added[T]]:
        """Entries of installed packages; they are looked up once."""
        if self._packages is None:
            self._packages = {}
            for point in metadata.entry_points(group=f"mln_bench.{self.kind}"):
                added = _load(point)
                self._packages[added.entry.name] = added
        return self._packages


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def module_digest(home: str) -> str:
    """A digest of the source file of an importable module; "" where it has none."""
    module = sys.modules.get(home)
    path = getattr(module, "__file__", None)
    if path is None:
        try:
            spec = importlib.util.find_spec(home)
        except (ImportError, ValueError):
            return ""
        path = spec.origin if spec else None
    return file_digest(Path(path)) if path and Path(path).is_file() else ""


def _load(point: metadata.EntryPoint) -> Added[Any]:
    """The object of an entry point. Raises InputError where its package cannot be used."""
    try:
        entry = point.load()
        source = inspect.getsourcefile(sys.modules[point.module]) or ""
    except Exception as error:  # the package is the user's
        raise InputError(
            f"entry point {point.name} ({point.value}): {type(error).__name__}: {error}; "
            "repair or uninstall its package"
        ) from error
    version = point.dist.version if point.dist else ""
    return Added(entry, f"{version} {file_digest(Path(source))}")
