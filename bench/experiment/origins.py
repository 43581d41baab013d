"""Where each value of an experiment comes from: its file, a scale, `--set` or the default."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from bench.experiment.model import Experiment, layers
from bench.experiment.study import dotted

DEFAULT = "default"


class Value(NamedTuple):
    """One key of an experiment, as `--set` takes it; origin: `file`, `scale NAME`, `--set` or
    `default`."""

    key: str
    value: Any
    origin: str


def values(experiment: Experiment, source: str, overrides: Sequence[str] = ()) -> list[Value]:
    """Every key of an experiment that was read from `source` with `overrides`, in its own order.

    A section that the experiment does not have is left out. Raises InputError as `load` does.
    """
    named: dict[str, str] = {}
    for origin, content in layers(source, overrides):
        keys = dotted(content)
        # A recipe says all of its training that is not said beside it.
        recipes = [key.removesuffix(".recipe") for key in keys if key.endswith(".training.recipe")]
        named |= dict.fromkeys([*recipes, *keys], origin)
    return [
        Value(key, value, _origin(key, named))
        for key, value in _leaves(experiment.model_dump(mode="json"))
    ]


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping) and value and not _is_free_table(prefix + key):
            yield from _leaves(value, f"{prefix}{key}.")
        elif prefix or value is not None:
            yield prefix + key, value


def _is_free_table(key: str) -> bool:
    """A table whose keys are the user's: it is one value."""
    return key in ("study.space", "study.factors", "study.variants")


def _origin(key: str, named: Mapping[str, str]) -> str:
    """That of the key itself, of a table above it that was named as a whole, or of keys below."""
    parts = key.split(".")
    for length in range(len(parts), 0, -1):
        if (above := ".".join(parts[:length])) in named:
            return named[above]
    below = [origin for name, origin in named.items() if name.startswith(f"{key}.")]
    return below[-1] if below else DEFAULT
