"""Pages that are made from the code: every key of an experiment, and the experiments shipped."""

import inspect
import shutil
import types
import typing
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from bench.cli.listing import LISTINGS, listing
from bench.experiment.model import Experiment, shipped

EXAMPLES = Path(__file__).parent.parent / "examples"
PAGES = ("*.md", "*.py", "*.ipynb", "*.csv")

KEYS = """# Every key of an experiment
An experiment is a TOML file. A key may also be given on the command line, as
`--set evolution.settings.budget=2000000`. `mln-bench show EXPERIMENT` prints all keys of an
experiment with their values and where each comes from, and `mln-bench new` writes a file with
comments. This page is made from the models that read the file.
"""

EXPERIMENTS = """# Shipped experiments
Each is a name that `run`, `study` or `ablate` takes, and `mln-bench show NAME` prints.

| name | what it asks |
|---|---|
"""

CATALOGUE = """# Tasks, regimes, losses, learners
What an experiment can name, as `mln-bench list` prints it; plug-ins add to it.
"""


def write(folder: Path) -> None:
    """Write the pages into a folder; what was there is gone."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    lines = [f"| `{name}` | {text} |" for name, text in shipped().items()]
    (folder / "experiments.md").write_text(EXPERIMENTS + "\n".join(lines) + "\n", encoding="utf-8")
    named = CATALOGUE + "".join(catalogue())
    (folder / "catalogue.md").write_text(named, encoding="utf-8")
    text = KEYS + "".join(sections("", Experiment))
    (folder / "keys.md").write_text(text, encoding="utf-8")
    for path in (path for pattern in PAGES for path in EXAMPLES.glob(f"*/{pattern}")):
        copy = folder / "examples" / path.relative_to(EXAMPLES)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)


def catalogue() -> Iterator[str]:
    """A table for each kind of thing that an experiment can name."""
    for what in LISTINGS:
        if what == "experiments":  # a page of their own
            continue
        rows = listing(what)
        yield f"\n## {what.capitalize()}\n| {' | '.join(rows[0])} |\n|{'---|' * len(rows[0])}\n"
        for row in rows:
            first, *rest = ("" if value is None else str(value) for value in row.values())
            cells = [f"`{first}`", *(text.replace("|", "\\|") for text in rest)]
            yield f"| {' | '.join(cells)} |\n"


def sections(place: str, model: type) -> Iterator[str]:
    """A heading, what the section is for, a table of its keys, and the sections within it."""
    yield f"\n## {f'`[{place}]`' if place else 'At the top'}\n{inspect.getdoc(model)}\n\n"
    yield "| key | value | default | meaning |\n|---|---|---|---|\n"
    inner = []
    for name, annotation, default, description in keys(model):
        key = f"{place}.{name}" if place else name
        if parts := sections_of(annotation):
            inner += [(key, part) for part in parts]
            note = "a section of one of these kinds" if len(parts) > 1 else "a section"
            yield f"| `{name}` | {note}, below | | {description} |\n"
        else:
            yield f"| `{name}` | {spelt(annotation)} | {default} | {description} |\n"
    for key, part in inner:
        yield from sections(key, part)


def keys(model: type) -> Iterator[tuple[str, Any, str, str]]:
    """Name, annotation, default and description of each key."""
    if issubclass(model, BaseModel):
        for name, field in model.model_fields.items():
            value = None if field.default is PydanticUndefined else field.default
            required = field.is_required()
            default = "needed" if required else shown(value)
            yield name, field.annotation, default, (field.description or "").replace("|", "\\|")
        return
    hints = typing.get_type_hints(model)
    for part in fields(model):
        yield (
            part.name,
            hints[part.name],
            "" if part.default is MISSING else shown(part.default),
            "",
        )


def shown(value: Any) -> str:
    """A default as TOML would have it, as far as a table has room."""
    if value is None or isinstance(value, dict | BaseModel) or is_dataclass(value):
        return ""
    text = str(list(value)) if isinstance(value, tuple) else repr(value)
    return f"`{text.lower() if isinstance(value, bool) else text}`"


def sections_of(annotation: Any) -> list[type]:
    """The sections that a key may hold."""
    if isinstance(annotation, type) and is_section(annotation):
        return [annotation]
    if typing.get_origin(annotation) is dict:
        return []
    found = [part for one in typing.get_args(annotation) for part in sections_of(one)]
    return list(dict.fromkeys(found))


def is_section(kind: type) -> bool:
    """Whether a class is a part of an experiment."""
    return issubclass(kind, BaseModel) or is_dataclass(kind)


def spelt(annotation: Any) -> str:
    """A type in words."""
    origin, inside = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return ", ".join(f"`{value}`" for value in inside)
    if origin is typing.Annotated:
        return spelt(inside[0])
    if origin in (typing.Union, types.UnionType):
        return " or ".join(spelt(one) for one in inside if one is not type(None))
    if origin in (tuple, list):
        return f"list of {spelt(inside[0])}" if inside else "list"
    if origin is dict:
        return "table"
    words = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    return words.get(annotation, getattr(annotation, "__name__", str(annotation)))
