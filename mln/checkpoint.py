"""The state of an evolution run in one safetensors file, replaced whole after each generation."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.random import SeedSequence
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from mln.coevolution import Cohort
from mln.config import EvolutionConfig, LossSpec
from mln.genetic import GeneticState
from mln.hybrid import SearchState, phase_of
from mln.strategies import StrategyState

HEIR, LEARNERS = "heir", "learners."


class Checkpoint(NamedTuple):
    """A search's state, the history of the generations before it, one mapping each, and the
    learners that live on from them."""

    state: SearchState
    history: list[dict[str, Any]]
    cohort: Cohort | None


def identity(spec: LossSpec, config: EvolutionConfig, seed: SeedSequence) -> str:
    """What a checkpoint belongs to: another configuration or seed does not continue from it."""
    return json.dumps(
        [asdict(spec), asdict(config), str(seed.entropy), list(seed.spawn_key)], sort_keys=True
    )


def save_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a crash leaves the old one or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _arrays(state: SearchState) -> dict[str, np.ndarray[Any, Any]]:
    return {name: np.array(value, order="C") for name, value in vars(state).items()}


def write(
    path: Path,
    belongs_to: str,
    state: SearchState,
    history: list[dict[str, Any]],
    cohort: Cohort | None = None,
) -> None:
    """Save a run's state."""
    arrays = _arrays(state)
    if cohort is not None:
        arrays[HEIR] = np.array(cohort.heir)
        arrays |= {f"{LEARNERS}{k:04d}": rows for k, rows in enumerate(cohort.weights)}
    notes = {
        "identity": belongs_to,
        "phase": phase_of(state),
        "history": json.dumps(history),
    }
    save_atomically(path, save(arrays, notes))


def read(path: Path, belongs_to: str) -> Checkpoint | None:
    """The state saved for this run, or None if there is none, or none that can be used."""
    try:
        with safe_open(path, framework="numpy") as file:
            notes = file.metadata() or {}
            if notes.get("identity") != belongs_to:
                return None
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (FileNotFoundError, SafetensorError):
        return None
    state: SearchState
    if notes["phase"] == "ga":
        state = GeneticState(
            arrays["population"],
            arrays["mean_fitness"],
            arrays["evaluations"],
            float(arrays["sigma"]),
            arrays["parents"],
        )
    else:
        state = StrategyState(
            arrays["mean"],
            arrays["first"],
            arrays["second"],
            int(arrays["steps"]),
            arrays["noise"],
        )
    return Checkpoint(state, json.loads(notes["history"]), _cohort(arrays))


def _cohort(arrays: dict[str, np.ndarray[Any, Any]]) -> Cohort | None:
    if HEIR not in arrays:
        return None
    weights = [arrays[name] for name in sorted(arrays) if name.startswith(LEARNERS)]
    return Cohort(weights, int(arrays[HEIR]))
