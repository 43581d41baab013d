"""What makes two rows of a table the same result, and which of two is kept."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Table

from bench.store import schema
from bench.store.store import Row


def _never(*_rows: Row) -> bool:
    return False


def _always(_row: Row) -> bool:
    return True


class Rule(NamedTuple):
    """How the rows of a table are merged.

    named_by: the columns that name a row in a message. ignored: columns that say where, when or
    under what name. essence: what is compared of a decoded row. replaces: whether a row takes the
    place of another with its key; gives_way: whether a row may differ from another, as a failure.
    is_kept: whether a row is merged at all.
    """

    table: Table
    named_by: tuple[str, ...]
    ignored: tuple[str, ...] = ()
    essence: Callable[[Row], Any] = lambda row: row
    gives_way: Callable[[Row], bool] = _never
    replaces: Callable[[Row, Row], bool] = _never
    is_kept: Callable[[Row], bool] = _always


def _failed(row: Row) -> bool:
    return bool(row["status"] == "failed")


def _unfinished(row: Row) -> bool:
    return bool(row["state"] != "done")


def _of_experiment(row: Row) -> Row:
    """An experiment's row without provenance and without what grows as it is run."""
    config = {**row["config"], "experiment": {**row["config"].get("experiment", {})}}
    for name in ("provenance", "evolutions", "seeds", "tasks"):
        config.pop(name, None)
    config["experiment"].pop("description", None)
    return row | {"config": config}


def _has_evolved_more(stored: Row, new: Row) -> bool:
    return len(new["config"].get("evolutions", ())) > len(stored["config"].get("evolutions", ()))


def _without_numbers(value: Any) -> Any:
    """Trials without the numbers that Optuna gave them: another database counts anew."""
    if isinstance(value, Mapping):
        return {name: _without_numbers(of) for name, of in value.items() if name != "number"}
    return [_without_numbers(of) for of in value] if isinstance(value, list) else value


RULES = (
    Rule(
        schema.experiments,
        ("name",),
        essence=_of_experiment,
        replaces=_has_evolved_more,
    ),
    Rule(schema.evolutions, ("loss",), ("loss", "seconds", "provenance")),
    Rule(schema.learners, ("key",)),
    Rule(schema.units, ("task", "learner", "loss")),
    Rule(
        schema.cells,
        ("task", "learner", "loss", "seed", "lr", "parameter"),
        ("task", "learner", "loss", "provenance"),
        gives_way=_failed,
        replaces=lambda stored, new: _failed(stored) and not _failed(new),
    ),
    Rule(schema.studies, ("study",), essence=_without_numbers),
    Rule(
        schema.slots,
        ("study", "slot"),
        ("worker", "number", "beat", "deaths"),
        # A slot that is open or at work belongs to Optuna's study beside it.
        gives_way=_unfinished,
        replaces=lambda stored, new: _unfinished(stored) and not _unfinished(new),
        is_kept=lambda row: not _unfinished(row),
    ),
    Rule(schema.trials, ("study", "slot"), ("number",)),
    Rule(schema.gains, ("study", "slot", "seed", "family")),
    Rule(schema.importances, ("study",)),
)
"""All tables of results; those of Optuna in the same database are left alone."""
