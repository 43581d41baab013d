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
from collections.abc import Container, Iterable, Iterator
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
    """Entries by name: built-in ones first, then those of installed packages, then those added.

    kind: what is registered, in the plural, as in the name of its entry points; noun: the same
    in the singular, as messages call it.
    """

    def __init__(self, kind: str, noun: str, built_in: Iterable[T]) -> None:
        self.kind, self.noun = kind, noun
        self._built_in = {entry.name: entry for entry in built_in}
        self._added: dict[str, Added[T]] = {}
        self._packages: dict[str, Added[T]] | None = None

    def add(self, entry: T, digest: str = "", where: str = "") -> None:
        """Add an entry; `digest` becomes part of the key of every result that depends on it.

        where: what the message of an error begins with. Raises InputError as `check` does.
        """
        self.check(entry, where or self.kind)
        self._added[entry.name] = Added(entry, digest)

    def check(self, entry: Any, where: str) -> None:
        """Raises InputError for what has no usable name, or the name of another entry."""
        self._check_name(entry, where, self)

    def _check_name(self, entry: Any, where: str, taken: Container[str]) -> None:
        name = getattr(entry, "name", None)
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
            raise InputError(
                f"{where}: {self.kind} need a `name` of letters, digits, '_', '.' and '-', "
                f"not {name!r}"
            )
        if name in taken:
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
        added = self._other(name)
        return added.entry if added else None

    def digest(self, name: str) -> str:
        """What a result's key holds of an entry's source; "" for what is built in or unknown."""
        if name in self._built_in:
            return ""
        added = self._other(name)
        return added.digest if added else ""

    def entries(self) -> tuple[T, ...]:
        """All entries."""
        return tuple(entry for name in self if (entry := self.find(name)) is not None)

    def forget_added(self) -> None:
        """Keep the built-in entries alone, as in a new process; packages are looked up again."""
        self._added.clear()
        self._packages = None

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.find(name) is not None

    def __iter__(self) -> Iterator[str]:
        return iter((*self._built_in, *self._installed(), *self._added))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def _other(self, name: str) -> Added[T] | None:
        """The entry of this name that is not built in."""
        return self._added.get(name) or self._installed().get(name)

    def _installed(self) -> dict[str, Added[T]]:
        """Entries of installed packages, looked up once.

        Raises InputError as `_load` does, and for an entry without a usable name of its own.
        """
        if self._packages is None:
            # A package that looks something up while it is imported finds what is there so far.
            packages: dict[str, Added[T]] = {}
            self._packages = packages
            try:
                for point in metadata.entry_points(group=f"mln_bench.{self.kind}"):
                    added = _load(point)
                    where = f"entry point {point.name} ({point.value})"
                    self._check_name(added.entry, where, {*self._built_in, *packages})
                    packages[added.entry.name] = added
            except InputError:
                self._packages = None
                raise
        return self._packages


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def module_digest(home: str) -> str:
    """A digest of the source file of the module called `home`; "" where it has none."""
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
