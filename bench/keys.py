"""Digests that results are stored under."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any


def digest(value: Any) -> str:
    """SHA-256 of a JSON value in canonical form. Raises ValueError for inf and nan."""
    return hashlib.sha256(_canonical(value).encode()).hexdigest()


def digests(common: dict[str, Any], variants: Iterable[dict[str, Any]]) -> list[str]:
    """`digest({**common, **variant})` of variants with the same keys; `common` is written once.

    A large grid has a key for each of its cells, and most of what a key hashes is the same.
    Raises ValueError for inf and nan.
    """
    keys = []
    parts: list[str] = []
    for variant in variants:
        names = sorted(variant)
        if not parts:
            marked = _canonical({**common, **dict.fromkeys(names, _PLACEHOLDER)})
            parts = marked.split(_canonical(_PLACEHOLDER))
        text = parts[0]
        for name, part in zip(names, parts[1:], strict=True):
            text += _canonical(variant[name]) + part
        keys.append(hashlib.sha256(text.encode()).hexdigest())
    return keys


_PLACEHOLDER = "\0 a value to come"
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


def _canonical(value: Any) -> str:
    return _ENCODER.encode(value)
