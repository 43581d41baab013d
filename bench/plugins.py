"""Plug-ins: a user's own tasks, losses and learners, from files and from installed packages.

A file is Python with one or more of the lists TASKS, LOSSES and LEARNERS; a package names each
object as an entry point of the group mln_bench.tasks, mln_bench.losses or mln_bench.learners.
Importing this imports nothing heavy; what a plug-in imports is its own affair.
"""

import hashlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, get_args

from bench.errors import InputError

if TYPE_CHECKING:
    from bench.presets import LearnerEntry
    from bench.registry import LossEntry
    from bench.tasks.base import TaskFamily

Kind = Literal["tasks", "losses", "learners"]
KINDS: tuple[Kind, ...] = get_args(Kind)
MODULE = "mln_plugin_"


@dataclass
class Loaded:
    """What this process has loaded from files, by kind and name; digests by the same."""

    files: dict[Path, str] = field(default_factory=dict)
    objects: dict[tuple[Kind, str], Any] = field(default_factory=dict)
    digests: dict[tuple[Kind, str], str] = field(default_factory=dict)


_loaded = Loaded()


def load_files(paths: Iterable[str | Path]) -> None:
    """Load plug-in files, each once in a process.

    Raises InputError, one line, for a file that cannot be used or a name that is taken.
    """
    for path in paths:
        _load_file(Path(path).absolute())


def loaded_files() -> tuple[str, ...]:
    """The files that this process has loaded; a worker loads the same."""
    return tuple(str(path) for path in _loaded.files)


def tasks() -> "Mapping[str, TaskFamily]":
    """The task families of all plug-ins, by name."""
    return _objects("tasks")


def losses() -> "Mapping[str, LossEntry]":
    """The losses of all plug-ins, by name."""
    return _objects("losses")


def learners() -> "Mapping[str, LearnerEntry]":
    """The learners of all plug-ins, by name."""
    return _objects("learners")


def digest(kind: Kind, name: str) -> str:
    """What a result's key holds of a plug-in: a digest of its file, "" of what is built in."""
    found = _loaded.digests.get((kind, name))
    return found if found is not None else _packaged()[1].get((kind, name), "")


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
    return _file_digest(Path(path)) if path and Path(path).is_file() else ""


def _load_file(path: Path) -> None:
    if path in _loaded.files:
        return
    name = MODULE + re.sub(r"\W", "_", path.stem)
    if not path.is_file():
        raise InputError(f"plug-in {path}: no such file")
    if any(MODULE + re.sub(r"\W", "_", other.stem) == name for other in _loaded.files):
        raise InputError(f"plug-in {path}: another plug-in file has the same name; rename one")
    module = _import(path, name)
    found = {kind: list(getattr(module, kind.upper(), ())) for kind in KINDS}
    if not any(found.values()):
        raise InputError(f"plug-in {path}: defines none of TASKS, LOSSES and LEARNERS")
    for kind, objects in found.items():
        for thing in objects:
            _check(kind, thing, f"plug-in {path}")
    text = _file_digest(path)
    for kind, objects in found.items():
        for thing in objects:
            _loaded.objects[kind, thing.name] = thing
            _loaded.digests[kind, thing.name] = text
    _loaded.files[path] = text


def _import(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"plug-in {path}: is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # the file is the user's: anything can happen in it
        del sys.modules[name]
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(f"plug-in {path}: {type(error).__name__}: {reason}") from error
    return module


def _check(kind: Kind, thing: Any, where: str) -> None:
    """Refuse what has no usable name, or the name of something else."""
    from bench.presets import LEARNERS
    from bench.registry import LOSSES
    from bench.tasks.catalogue import families

    name = getattr(thing, "name", None)
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
        raise InputError(
            f"{where}: {kind} need a `name` of letters, digits, '_', '.' and '-', not {name!r}"
        )
    built_in: dict[Kind, Mapping[str, Any]] = {
        "tasks": families(),
        "losses": LOSSES,
        "learners": LEARNERS,
    }
    if name in built_in[kind] or (kind, name) in _loaded.objects:
        raise InputError(f"{where}: {name!r} is among the {kind} already; choose another name")


def _objects(kind: Kind) -> dict[str, Any]:
    found = {name: thing for (own, name), thing in _packaged()[0].items() if own == kind}
    return found | {name: thing for (own, name), thing in _loaded.objects.items() if own == kind}


@lru_cache(maxsize=1)
def _packaged() -> tuple[dict[tuple[Kind, str], Any], dict[tuple[Kind, str], str]]:
    """Objects and digests of installed packages' entry points."""
    objects: dict[tuple[Kind, str], Any] = {}
    digests: dict[tuple[Kind, str], str] = {}
    for kind in KINDS:
        for point in metadata.entry_points(group=f"mln_bench.{kind}"):
            try:
                thing = point.load()
                source = inspect.getsourcefile(sys.modules[point.module]) or ""
            except Exception as error:  # the package is the user's
                raise InputError(
                    f"entry point {point.name} ({point.value}): {type(error).__name__}: {error}; "
                    "mend or uninstall its package"
                ) from error
            version = point.dist.version if point.dist else ""
            objects[kind, thing.name] = thing
            digests[kind, thing.name] = f"{version} {_file_digest(Path(source))}"
    return objects, digests


def _file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
