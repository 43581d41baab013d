"""The state of an evolution run in one safetensors file, replaced whole after each generation.

A state is any nest of the frozen dataclasses in `STATES`: its arrays become tensors, named by
their path, and all else one JSON note, because safetensors writes several notes in random order.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.random import SeedSequence
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from mln.atomic import write_atomically
from mln.coevolution import Cohort
from mln.config import EvolutionConfig, LossSpec
from mln.files import SavedLoss
from mln.search.base import Genomes
from mln.search.genetic import GeneticState
from mln.search.hybrid import Handover, SearchState
from mln.search.random_search import RandomState
from mln.search.strategies import STRATEGIES

STATES = {
    state.__name__: state
    for state in (
        SearchState,
        Handover,
        GeneticState,
        RandomState,
        *(strategy.state for strategy in STRATEGIES.values()),
        Cohort,
    )
}
DAMAGED = (LookupError, TypeError, ValueError, AttributeError, RecursionError)
"""What a note raises that no `write` has written; such a run starts over."""
NOTE, CLASS = "mln_checkpoint", "class"

Arrays = dict[str, np.ndarray[Any, Any]]


class Checkpoint(NamedTuple):
    """A search's state, the history of the generations before it, one mapping each, the learners
    that live on from them, and the genome of each that a validation may choose."""

    state: SearchState
    history: list[dict[str, Any]]
    cohort: Cohort | None = None
    delivered: Sequence[Genomes] = ()


def identity(loss: LossSpec | SavedLoss, config: EvolutionConfig, seed: SeedSequence) -> str:
    """What a checkpoint belongs to: another loss, configuration or seed does not go on from it."""
    parts = [asdict(config), str(seed.entropy), list(seed.spawn_key)]
    if isinstance(loss, LossSpec):
        parts = [asdict(loss), *parts]
    else:
        parts = [asdict(loss.spec), *parts, [float(gene) for gene in loss.genome]]
    return json.dumps(parts, sort_keys=True)


def write(
    path: Path,
    belongs_to: str,
    state: SearchState,
    history: list[dict[str, Any]],
    cohort: Cohort | None = None,
    delivered: Sequence[Genomes] = (),
) -> None:
    """Save a run's state."""
    arrays: Arrays = {}
    note = {"identity": belongs_to, "state": flatten(state, arrays), "history": history}
    note["cohort"] = flatten(cohort, arrays, "cohort")
    note["delivered"] = flatten(list(delivered), arrays, "delivered")
    write_atomically(path, save(arrays, {NOTE: json.dumps(note)}))


def read(path: Path, belongs_to: str) -> Checkpoint | None:
    """The state saved for this run, or None if there is none, or none that can be used."""
    try:
        with safe_open(path, framework="numpy") as file:
            note = json.loads((file.metadata() or {}).get(NOTE, "{}"))
            if note.get("identity") != belongs_to:
                return None
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        state, cohort = (rebuild(note[name], arrays) for name in ("state", "cohort"))
        history, delivered = note["history"], rebuild(note["delivered"], arrays)
    except (OSError, SafetensorError, *DAMAGED):
        return None
    usable = isinstance(state, SearchState) and isinstance(cohort, Cohort | None)
    return Checkpoint(state, history, cohort, delivered) if usable else None


def flatten(state: Any, arrays: Arrays, path: str = "state") -> Any:
    """A state as JSON; its arrays are put into `arrays` and stand in it as their path.

    Raises TypeError for a part that is neither a known dataclass, an array nor a plain value.
    """
    if isinstance(state, np.ndarray):
        arrays[path] = np.array(state, order="C")
        return {"array": path}
    if is_dataclass(state) and type(state).__name__ in STATES:
        parts = {
            field.name: flatten(getattr(state, field.name), arrays, f"{path}.{field.name}")
            for field in fields(state)
        }
        return {CLASS: type(state).__name__, **parts}
    if isinstance(state, list):
        return [flatten(part, arrays, f"{path}.{k}") for k, part in enumerate(state)]
    if type(state) in (int, float, str, bool, type(None)):
        return state
    raise TypeError(f"{path} cannot be saved: {type(state).__name__}")


def rebuild(note: Any, arrays: Arrays) -> Any:
    """The state that `flatten` turned into a note and arrays."""
    if isinstance(note, list):
        return [rebuild(part, arrays) for part in note]
    if not isinstance(note, dict):
        return note
    if "array" in note:
        return arrays[note["array"]]
    parts = {name: rebuild(part, arrays) for name, part in note.items() if name != CLASS}
    return STATES[note[CLASS]](**parts)
