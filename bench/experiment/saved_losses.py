"""Losses that an experiment names by where they are kept: `pretrained:NAME` and `file:PATH`.

They are read when the experiment is, so that what follows depends on what a file holds and not on
where it lies.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from bench.catalogue.losses import LOSSES
from bench.errors import InputError, nearest
from mln.config import LossSpec
from mln.pretrained import NAMES, loss_path

FILE, PRETRAINED = "file:", "pretrained:"


class SavedLossSection(BaseModel):
    """What a loss file holds: the specification and the genome, as float32 numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    spec: LossSpec
    genome: tuple[float, ...]


def is_saved(name: object) -> bool:
    """Whether a name says where a loss is kept."""
    return isinstance(name, str) and name.startswith((FILE, PRETRAINED))


def with_saved_losses(content: Mapping[str, Any], folder: Path, source: str) -> dict[str, Any]:
    """An experiment's content in which such losses have been read.

    Their names, in benchmark.losses and report.baselines, are replaced by those that reports show;
    benchmark.saved_losses holds what was read, by these. What evolution.start_from names is
    replaced by what it holds. A path is relative to `folder`. Raises
    InputError, one line that begins with `source`, for what is no loss or cannot be read, and for a
    loss that is named twice.
    """
    read = _with_start(content, folder, source)
    section = read.get("benchmark")
    named = section.get("losses") if isinstance(section, dict) else None
    wanted = [name for name in named if is_saved(name)] if isinstance(named, list) else []
    if not isinstance(section, dict) or not isinstance(named, list) or not wanted:
        return read
    where = f"{source}: benchmark.losses"
    if twice := [name for name, count in Counter(wanted).items() if count > 1]:
        raise InputError(f"{where}: {twice[0]!r} is named twice")
    shown = _shown(wanted, [name for name in named if not is_saved(name)])
    found = {shown[name]: _read(name, folder, where) for name in wanted}
    already = section.get("saved_losses")
    read["benchmark"] = section | {
        "losses": [shown.get(name, name) if isinstance(name, str) else name for name in named],
        "saved_losses": (already if isinstance(already, dict) else {}) | found,
    }
    report = read.get("report")
    baselines = report.get("baselines") if isinstance(report, dict) else None
    if isinstance(report, dict) and isinstance(baselines, list):
        known = [shown.get(name, name) if isinstance(name, str) else name for name in baselines]
        read["report"] = report | {"baselines": known}
    return read


def _with_start(content: Mapping[str, Any], folder: Path, source: str) -> dict[str, Any]:
    """An experiment's content in which the loss that evolution starts from has been read."""
    section = content.get("evolution")
    name = section.get("start_from") if isinstance(section, dict) else None
    if not isinstance(section, dict) or not isinstance(name, str):
        return dict(content)
    where = f"{source}: evolution.start_from"
    if not is_saved(name):
        raise InputError(f"{where}: {name!r}: name {FILE}PATH or {PRETRAINED}NAME")
    return {**content, "evolution": section | {"start_from": _read(name, folder, where)}}


def _shown(wanted: Sequence[str], others: Sequence[object]) -> dict[str, str]:
    """What reports call each: a file by its stem, where nothing else is called so."""
    stems = {name: Path(name.removeprefix(FILE)).stem for name in wanted if name.startswith(FILE)}
    count = Counter(stems.values())
    return {
        name: stems[name]
        if name in stems and count[stems[name]] == 1 and not _is_taken(stems[name], others)
        else name
        for name in wanted
    }


def _is_taken(stem: str, others: Sequence[object]) -> bool:
    """Whether a registered loss, another of the benchmark or an evolved one is called so."""
    return stem in LOSSES or stem in others or _is_evolved_name(stem)


def _is_evolved_name(name: str) -> bool:
    """Whether a name is one of those that evolved losses get: mln_1, mln_2, ..."""
    prefix, _, number = name.rpartition("_")
    return prefix == "mln" and number.isdigit()


def _read(name: str, folder: Path, where: str) -> dict[str, Any]:
    # Here, since it imports torch, which reading other experiments does without.
    from mln.files import LossFileError, load_loss

    kind, _, place = name.partition(":")
    if kind == "pretrained":
        if place not in NAMES:
            raise InputError(f"{where}: {name!r}: no shipped loss{nearest(place, NAMES)}")
        path = loss_path(place)
    else:
        path = folder / place
    if not place or path.is_dir():
        raise InputError(f"{where}: {name!r}: name a loss file, as file:my.safetensors")
    if not path.exists():
        raise InputError(f"{where}: {name!r}: no such file: {path}")
    try:
        saved = load_loss(path)
    except LossFileError as error:
        raise InputError(f"{where}: {error}") from error
    return {"spec": saved.spec, "genome": [float(gene) for gene in saved.genome]}
