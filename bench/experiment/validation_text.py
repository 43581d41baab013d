"""The first error of a validation, in one line that names the key and the nearest valid one."""

import json
import types
import typing
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from pydantic import BaseModel, Tag, ValidationError

from bench.errors import nearest


def first_error(error: ValidationError, model: type[BaseModel]) -> str:
    """The first error of a model's validation as one line."""
    first = error.errors()[0]
    place = [str(part) for part in first["loc"]]
    where = _without_tags(model, place)
    key = ".".join(where)
    if first["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"unknown key {key!r}{nearest(where[-1], _keys_at(model, place[:-1]))}"
    message = first["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    given = first["input"]
    if isinstance(given, str) and first["type"] in ("tuple_type", "list_type"):
        return f"{key}: must be a list, as [{json.dumps(given)}] (given: {given!r})"
    plain = isinstance(given, (str, int, float, bool))
    return f"{key}: {message}{f' (given: {given!r})' if key and plain else ''}".removeprefix(": ")


def _keys_at(model: type[BaseModel], place: Sequence[str]) -> list[str]:
    """The valid keys of the section at a place of a model, tags included."""
    section: Any = model
    for part in place:
        section = _section_type(_inner(section, part))
    return sorted(_annotations(section))


def _without_tags(model: type[BaseModel], place: Sequence[str]) -> list[str]:
    """A place as the user wrote it: which of several kinds of section was tried is no key."""
    section: Any = model
    where = []
    for part in place:
        if part not in _tagged(section):
            where.append(part)
        section = _section_type(_inner(section, part))
    return where


def _inner(section: Any, part: str) -> Any:
    tagged = _tagged(section)
    return tagged[part] if part in tagged else _annotations(section).get(part)


def _tagged(annotation: Any) -> dict[str, Any]:
    """The kinds of section of a tagged union, by their tags."""
    kinds: dict[str, Any] = {}
    for option in typing.get_args(annotation):
        inner, *notes = typing.get_args(option) or (None,)
        kinds |= {note.tag: inner for note in notes if isinstance(note, Tag)}
    return kinds


def _annotations(section: Any) -> dict[str, Any]:
    if isinstance(section, type) and issubclass(section, BaseModel):
        return {name: field.annotation for name, field in section.model_fields.items()}
    if is_dataclass(section):
        hints = typing.get_type_hints(section)
        return {field.name: hints[field.name] for field in fields(section)}
    return {}


def _section_type(annotation: Any) -> Any:
    """The section, or the union of its kinds, within `Section | None`."""
    if typing.get_origin(annotation) is typing.Annotated:
        return _section_type(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        options = [arg for arg in typing.get_args(annotation) if arg is not type(None)]
        return annotation if _tagged(annotation) else _section_type(options[0])
    return annotation
