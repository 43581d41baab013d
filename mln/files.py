"""A learned loss as one safetensors file: the genome, its specification and where it came from."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from mln.atomic import write_atomically
from mln.config import LossSpec
from mln.layout import layout
from mln.search.base import Genomes

FORMAT = "mln-bench loss"
MALFORMED = (AttributeError, RecursionError)
"""What safetensors and json raise for a number format and for a nesting beyond them."""
VERSION = 3
READABLE = (1, 2, VERSION)
"""Version 1 has specifications of hidden and start alone, version 2 none of adaptive losses; the
defaults are the rest."""


class LossFileError(ValueError):
    """A file that is not a loss of MLN-Bench, or is damaged."""


class SavedLoss(NamedTuple):
    """What a loss file holds; provenance is whatever its writer recorded."""

    spec: LossSpec
    genome: Genomes
    provenance: dict[str, Any]


def save_loss(
    path: Path, spec: LossSpec, genome: Genomes, provenance: Mapping[str, Any] | None = None
) -> None:
    """Write a loss file, whole or not at all."""
    about = {
        "version": VERSION,
        "spec": asdict(spec),
        "provenance": dict(provenance or {}),
    }
    tensors = {"genome": np.ascontiguousarray(genome, dtype=np.float32)}
    # One note alone: safetensors writes several in no particular order.
    write_atomically(path, save(tensors, {FORMAT: json.dumps(about, sort_keys=True)}))


def load_loss(path: Path) -> SavedLoss:
    """Read a loss file; nothing in it is executed.

    Raises LossFileError for a missing, foreign or damaged file, or one of another version.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            notes = file.metadata() or {}
            if FORMAT not in notes:
                raise LossFileError(f"{path}: a safetensors file, but not a loss of MLN-Bench")
            about = json.loads(notes[FORMAT])
            if about["version"] not in READABLE:
                raise LossFileError(
                    f"{path}: written in version {about['version']} of the format; "
                    f"this MLN-Bench reads versions up to {VERSION}"
                )
            if about["spec"].get("kind") == "hyper":
                raise LossFileError(
                    f"{path}: a loss of kind 'hyper', which is no more: evolve one of kind "
                    "'adaptive' in its place, or read it with the MLN-Bench that wrote it"
                )
            genome = file.get_tensor("genome")
        spec = LossSpec(**about["spec"])
        provenance = dict(about["provenance"])
    except OSError as error:
        raise LossFileError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (SafetensorError, LookupError, TypeError, ValueError, *MALFORMED) as error:
        if isinstance(error, LossFileError):
            raise
        raise LossFileError(f"{path}: not a loss file, or damaged: {error}") from error
    size = layout(spec).size
    if genome.shape != (size,) or genome.dtype != np.float32 or not np.isfinite(genome).all():
        raise LossFileError(f"{path}: damaged: its genome must be {size} finite float32 numbers")
    return SavedLoss(spec, genome, provenance)
