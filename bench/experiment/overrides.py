"""What is laid over an experiment file: `--set section.key=value`, and the file's own scales.

`[scales.small]` of a file holds keys as the file itself; `scale = "small"` lays them over it, and
`scale = "small+jpeg"` one after the other. An empty table there empties the one below it.
"""

import json
import shlex
import tomllib
from typing import Any

from bench.errors import InputError, nearest

FULL = "full"

Content = dict[str, Any]


def recipes_as_tables(content: Content) -> Content:
    """Content in which `training = "he2016"` is a table with that `recipe`, which other layers and
    overrides can add to."""
    return {
        key: {"recipe": value}
        if key == "training" and isinstance(value, str)
        else recipes_as_tables(value)
        if isinstance(value, dict)
        else value
        for key, value in content.items()
    }


def override_text(key: str, value: object) -> str:
    """`--set KEY=VALUE` as a shell reads it and `apply_override` understands it."""
    text = value if isinstance(value, str) else json.dumps(value)
    return f"--set {key}={shlex.quote(text)}"


def apply_override(content: Content, override: str) -> None:
    """Set a key from `section.key=value` with a TOML value (a bare word is a string).

    Raises InputError where it is not written so.
    """
    key, equals, text = override.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        raise InputError(f"--set {override!r}: write it as section.key=value")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    place: Any = content
    for part in parts[:-1]:
        place = place.setdefault(part, {})
        if not isinstance(place, dict):
            raise InputError(f"--set {override!r}: {part!r} is a value, not a section")
    place[parts[-1]] = value


def scales_of(content: Content, source: str) -> dict[str, Content]:
    """Take the scales out of a file's content. Raises InputError where they are no tables."""
    scales = content.pop("scales", {})
    if not isinstance(scales, dict) or not all(isinstance(part, dict) for part in scales.values()):
        raise InputError(f"{source}: scales: write each as a table, [scales.small]")
    if FULL in scales or any("+" in name for name in scales):
        raise InputError(f"{source}: scales: {FULL!r} is the file itself, and '+' joins names")
    return scales


def scales_named(
    content: Content, chosen: Content, scales: dict[str, Content], source: str
) -> list[str]:
    """The scales, in order, that `chosen`, or else the content, asks for; none at full scale.

    Raises InputError for a scale that the file does not have.
    """
    wanted = str(chosen.get("scale", content.get("scale", FULL))).split("+")
    for name in wanted:
        if name not in (FULL, *scales):
            raise InputError(f"{source}: scale {name!r} is unknown{nearest(name, [FULL, *scales])}")
    return [name for name in wanted if name != FULL]


def merged(below: Content, above: Content) -> Content:
    """Tables are merged key by key; all else is replaced, and by an empty table so is a table."""
    together = dict(below)
    for key, value in above.items():
        old = below.get(key)
        both = isinstance(value, dict) and isinstance(old, dict) and bool(value)
        together[key] = merged(old, value) if both else value  # type: ignore[arg-type]
    return together
