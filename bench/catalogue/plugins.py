"""Plug-in files: a user's own tasks, losses and learners, loaded into the registers.

A file is Python with one or more of the lists TASKS, LOSSES and LEARNERS. What it imports is its
own affair. Installed packages need no loading: `bench.register` finds their entry points.
"""

import importlib.util
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from bench.catalogue.learners import LEARNERS
from bench.catalogue.losses import LOSSES
from bench.errors import InputError
from bench.register import Register, file_digest
from bench.tasks.catalogue import FAMILIES

MODULE_PREFIX = "mln_plugin_"
REGISTERS: Mapping[str, Register[Any]] = {
    "TASKS": FAMILIES,
    "LOSSES": LOSSES,
    "LEARNERS": LEARNERS,
}
"""By the name of a plug-in file's list."""

_loaded: dict[Path, str] = {}
"""The files that this process has loaded, and their digests."""


def load_files(paths: Iterable[str | Path]) -> None:
    """Load plug-in files, each once in a process.

    Raises InputError, one line, for a file that cannot be used or a name that is taken.
    """
    for path in paths:
        _load_file(Path(path).absolute())


def loaded_files() -> tuple[str, ...]:
    """The files that this process has loaded; a worker loads the same."""
    return tuple(str(path) for path in _loaded)


def forget_files() -> None:
    """Forget all that was loaded, as in a new process."""
    _loaded.clear()
    for register in REGISTERS.values():
        register.forget_added()


def _load_file(path: Path) -> None:
    if path in _loaded:
        return
    name = _module_name(path)
    if not path.is_file():
        raise InputError(f"plug-in {path}: no such file")
    if any(_module_name(other) == name for other in _loaded):
        raise InputError(f"plug-in {path}: another plug-in file has the same name; rename one")
    module = _import(path, name)
    entries = [
        (register, entry)
        for attribute, register in REGISTERS.items()
        for entry in getattr(module, attribute, ())
    ]
    if not entries:
        raise InputError(f"plug-in {path}: defines none of TASKS, LOSSES and LEARNERS")
    # All are checked before the first is added: a bad file leaves nothing.
    for number, (register, entry) in enumerate(entries):
        register.check(entry, f"plug-in {path}")
        if any(other is register and same.name == entry.name for other, same in entries[:number]):
            raise InputError(
                f"plug-in {path}: two {register.kind} are called {entry.name!r}; rename one"
            )
    digest = file_digest(path)
    for register, entry in entries:
        register.add(entry, digest, f"plug-in {path}")
    _loaded[path] = digest


def _module_name(path: Path) -> str:
    return MODULE_PREFIX + re.sub(r"\W", "_", path.stem)


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
