"""What a validation found wrong, in one line that names the key and the nearest valid one."""

import types
import typing
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from bench.errors import nearest


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """The first complaint of a model's validation as one line."""
    first = error.errors()[0]
    where = [str(part) for part in first["loc"]]
    key = ".".join(where)
    if first["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"unknown key {key!r}{nearest(where[-1], _keys_at(model, where[:-1]))}"
    message = first["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    given = first["input"]
    plain = isinstance(given, (str, int, float, bool))
    return f"{key}: {message}{f' (given: {given!r})' if key and plain else ''}".removeprefix(": ")


def _keys_at(model: type[BaseModel], where: Sequence[str]) -> list[str]:
    """The valid keys of the section at a place of a model."""
    section: Any = model
    for part in where:
        section = _section_type(_annotations(section).get(part))
    return sorted(_annotations(section))


def _annotations(section: Any) -> dict[str, Any]:
    if isinstance(section, type) and issubclass(section, BaseModel):
        return {name: field.annotation for name, field in section.model_fields.items()}
    if is_dataclass(section):
        hints = typing.get_type_hints(section)
        return {field.name: hints[field.name] for field in fields(section)}
    return {}


def _section_type(annotation: Any) -> Any:
    """The section within `Section | None`."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return next(arg for arg in typing.get_args(annotation) if arg is not type(None))
    return annotation
