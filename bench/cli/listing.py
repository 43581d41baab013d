"""What an experiment can name."""

from collections.abc import Callable
from typing import Any

from bench.catalogue.learners import LEARNERS
from bench.catalogue.losses import LOSSES
from bench.catalogue.trainings import TRAININGS
from bench.errors import InputError, nearest
from bench.experiment.model import shipped
from bench.experiment.saved_losses import PRETRAINED
from bench.tasks.catalogue import available
from bench.tasks.regimes.catalogue import available_regimes
from mln.pretrained import NAMES, facts

Rows = list[dict[str, Any]]

RUNS = "runs"
"""What `list` shows besides, of a storage."""


def _tasks() -> Rows:
    return [info._asdict() for info in available()]


def _losses() -> Rows:
    return [
        {
            "name": entry.name,
            "description": entry.description,
            "source": entry.source,
            "parameter": entry.parameter,
            "default": entry.default,
            "grid": " ".join(f"{value:g}" for value in sorted(entry.grid)) or None,
        }
        for entry in LOSSES.entries()
    ] + [_shipped_loss(name) for name in NAMES]


def _shipped_loss(name: str) -> dict[str, Any]:
    card = facts(name)
    return {
        "name": f"{PRETRAINED}{name}",
        "description": card.what,
        "source": f"evolved: {card.evolution.command}",
        "parameter": None,
        "default": None,
        "grid": None,
    }


def _learners() -> Rows:
    return [{"name": entry.name, "description": entry.description} for entry in LEARNERS.entries()]


def _trainings() -> Rows:
    return [
        {"name": entry.name, "description": entry.description, "rate": entry.rate}
        for entry in TRAININGS.entries()
    ]


def _regimes() -> Rows:
    parts = [line.partition(": ") for line in available_regimes()]
    return [{"name": example, "description": text} for example, _, text in parts]


def _experiments() -> Rows:
    return [{"name": name, "description": text} for name, text in shipped().items()]


LISTINGS: dict[str, Callable[[], Rows]] = {
    "tasks": _tasks,
    "regimes": _regimes,
    "losses": _losses,
    "learners": _learners,
    "trainings": _trainings,
    "experiments": _experiments,
}


def listing(what: str) -> Rows:
    """One row per name, all with the same keys.

    Raises:
        InputError: `what` is no key of LISTINGS.
    """
    if what not in LISTINGS:
        raise InputError(f"list {what!r}: unknown{nearest(what, [*LISTINGS, RUNS])}")
    return LISTINGS[what]()
