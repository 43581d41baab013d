"""What is installed, reachable, found and stale on this machine, each with its remedy."""

import os
import shlex
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib import import_module, metadata
from pathlib import Path
from typing import Literal, NamedTuple

from sqlalchemy import func, inspect, select, text
from sqlalchemy.engine import make_url

from bench.cells.provenance import processor, source_hash, versions
from bench.errors import InputError, Unavailable
from bench.store.database import public_url
from bench.store.schema import cells
from bench.store.store import SCHEMA_VERSION, Store
from bench.workers.devices import cards
from bench.workers.processes import default_jobs
from mln.cache_folder import cache_folder
from mln.kernels import engine
from mln.kernels.gpu import interface as gpu
from mln.kernels.native import build
from mln.kernels.native import interface as native

EXTRAS = {"dask": "distributed", "postgresql": "psycopg"}
STALE_HOURS = 1.0
MIN_FREE_BYTES = 2**30

State = Literal["ok", "note", "problem"]


class Finding(NamedTuple):
    """One thing looked at; a remedy where it is not well. A `note` is a choice, not a fault."""

    about: str
    state: State
    found: str
    remedy: str = ""


def examine(storage: str, artifacts: Path, data_root: Path | None) -> list[Finding]:
    """Look at everything; nothing is written or changed."""
    checks: tuple[Callable[[], Iterator[Finding]], ...] = (
        _libraries,
        _threads,
        _kernels,
        _compiler,
        lambda: _storage(storage),
        lambda: _folder(artifacts),
        lambda: _data(data_root),
    )
    return [finding for check in checks for finding in check()]


def _libraries() -> Iterator[Finding]:
    for name, version in versions().items():
        yield Finding(name, "ok", version)
    yield Finding("mln-bench's source", "ok", source_hash()[:12])
    for extra, name in EXTRAS.items():
        try:
            yield Finding(name, "ok", metadata.version(name))
        except metadata.PackageNotFoundError:
            remedy = f"pip install 'mln-bench[{extra}]' if you need it"
            yield Finding(name, "note", "not installed", remedy)


def _threads() -> Iterator[Finding]:
    import torch

    yield Finding("processor", "ok", f"{processor()}, {default_jobs()} usable")
    yield Finding("torch's threads", "ok", f"{torch.get_num_threads()} here, 1 in each worker")
    devices = ["cpu", *(f"cuda:{k}" for k in range(torch.cuda.device_count()))]
    yield Finding("devices", "ok", ", ".join(devices))
    yield _cuda()
    if torch.cuda.device_count():
        yield _workers()


def _cuda() -> Finding:
    """The CUDA devices and what is built for them, or why there are none."""
    import torch

    built = torch.version.cuda
    if built is None:
        remedy = "install torch's CUDA build, if there is a card to train on"
        return Finding("CUDA", "note", "torch is built without it", remedy)
    if not torch.cuda.is_available():
        remedy = "see what `nvidia-smi` says, if there is a card to train on"
        return Finding("CUDA", "note", f"torch is built for {built}, but finds no device", remedy)
    cards = [torch.cuda.get_device_name(k) for k in range(torch.cuda.device_count())]
    return Finding("CUDA", "ok", f"{built}: {', '.join(cards)}")


def _workers() -> Finding:
    """The CUDA devices that an experiment with device = "cuda" computes on."""
    import torch

    count, shared = torch.cuda.device_count(), cards("cuda")
    found = ", ".join(f"cuda:{card}" for card in shared)
    if len(shared) < count:
        note = f'device = "cuda" computes on {found}; the others are of another model'
        remedy = "their last bits would differ; CUDA_VISIBLE_DEVICES says which come first"
        return Finding("GPU workers", "note", note, remedy)
    return Finding("GPU workers", "ok", f'one for each: device = "cuda" computes on {found}')


def _kernels() -> Iterator[Finding]:
    reason = native.unavailable()
    if reason is None:
        folder = cache_folder(build.CACHE_PART)
        yield Finding("kernel fused", "ok", f"its compiler works; its libraries are in {folder}")
    else:
        remedy = "see the message; until then the next kernel trains in its place, slower"
        yield Finding("kernel fused", "note", reason, remedy)
    yield _triton()
    for name in engine.KERNELS:
        if name not in ("fused", "triton"):
            import_module(f"mln.kernels.{name}")
            yield Finding(f"kernel {name}", "ok", "available")


def _triton() -> Finding:
    import torch

    reason = gpu.unavailable()
    if reason is not None:
        remedy = "only for CUDA devices; there `analytic` trains in its place, slower"
        return Finding("kernel triton", "note", reason, remedy)
    version = f"Triton {metadata.version('triton')}"
    if not torch.cuda.is_available():
        return Finding("kernel triton", "note", f"{version}, but no device", "see CUDA")
    return Finding("kernel triton", "ok", version)


def _compiler() -> Iterator[Finding]:
    try:
        yield Finding("C++ compiler", "ok", shlex.join(build.find_compiler()))
    except build.BuildError as error:
        yield Finding("C++ compiler", "note", "none", str(error))


def _storage(url: str) -> Iterator[Finding]:
    shown = public_url(url)
    try:
        store = Store(url, create=False)
    except (InputError, Unavailable) as error:
        missing = "no such file" in str(error)
        remedy = "made by the first run" if missing else "see the message; or another --storage"
        yield Finding("storage", "note" if missing else "problem", str(error), remedy)
        return
    with closing(store):
        yield Finding("storage", "ok", f"{shown}, schema version {SCHEMA_VERSION}")
        counted = store.query(
            select(cells.c.status, func.count().label("number")).group_by(cells.c.status)
        )
        count = {row["status"]: row["number"] for row in counted}
        counts = ", ".join(f"{number:,} {status}" for status, number in sorted(count.items()))
        failed = count.get("failed", 0)
        remedy = "`mln-bench run` tries failed cells again" if failed else ""
        yield Finding("cells", "problem" if failed else "ok", counts or "none", remedy)
        yield from _trials(store)
        yield from _locks(store)


def _trials(store: Store) -> Iterator[Finding]:
    """Optuna's trials that run, and since when."""
    if not inspect(store.engine).has_table("trials"):
        return
    query = text(
        "select count(*) as running, min(datetime_start) as oldest from trials "
        "where state = 'RUNNING'"
    )
    with store.engine.connect() as connection:
        running, oldest = connection.execute(query).one()
    if running:
        remedy = "if no `mln-bench study` is at work, the same command takes them up again"
        note = f"{running} running, the oldest since {oldest}"
        yield Finding("trials", "note", note, remedy)
    else:
        yield Finding("trials", "ok", "none left running")


def _locks(store: Store) -> Iterator[Finding]:
    if store.engine.dialect.name == "sqlite":
        yield _sqlite_lock(str(make_url(store.url).database))
        return
    query = text(
        "select count(*) from pg_stat_activity where datname = current_database() and "
        f"state like 'idle in transaction%' and xact_start < now() - interval '{STALE_HOURS} hour'"
    )
    with store.engine.connect() as connection:
        stale = connection.execute(query).scalar_one()
    if stale:
        remedy = "end them: select pg_terminate_backend(pid) from pg_stat_activity ..."
        yield Finding("locks", "problem", f"{stale} transactions idle for hours", remedy)
    else:
        yield Finding("locks", "ok", "none")


def _sqlite_lock(file: str) -> Finding:
    """Whether another process writes just now: an empty transaction is begun and rolled back."""
    with closing(sqlite3.connect(file, timeout=1.0, isolation_level=None)) as connection:
        try:
            connection.execute("begin immediate")
            connection.execute("rollback")
        except sqlite3.OperationalError as error:
            writable = "locked" in str(error)
            remedy = (
                f"another process writes; if it hangs, `fuser {file}` names it: end it"
                if writable
                else "make the file and its folder writable"
            )
            return Finding("locks", "problem", str(error), remedy)
    return Finding("locks", "ok", "none")


def _folder(artifacts: Path) -> Iterator[Finding]:
    place = next(path for path in (artifacts, *artifacts.absolute().parents) if path.exists())
    free = shutil.disk_usage(place).free
    low = free < MIN_FREE_BYTES
    remedy = "free some space: results need about 5 kB a cell" if low else ""
    yield Finding("disk", "problem" if low else "ok", f"{free / 2**30:.1f} GB free", remedy)
    if not os.access(place, os.W_OK):
        yield Finding("artifacts", "problem", f"{place} is not writable", "another --artifacts")
    limit = time.time() - STALE_HOURS * 3600
    old = [file for file in artifacts.glob("checkpoints/*.safetensors") if _age(file) < limit]
    parts = [file for file in artifacts.rglob("*.tmp") if _age(file) < limit]
    if old:
        note = f"{len(old)} untouched for {STALE_HOURS:.0f} h in {artifacts / 'checkpoints'}"
        yield Finding("checkpoints", "note", note, "the same command continues; or delete them")
    if parts:
        note = f"{len(parts)} half-written files (*.tmp) under {artifacts}"
        yield Finding("artifacts", "note", note, "delete them: their writer was killed")


def _age(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:  # gone in the meantime
        return time.time()


def _data(root: Path | None) -> Iterator[Finding]:
    yield Finding("digits", "ok", "part of scikit-learn")
    if root is None:
        yield Finding("image data", "note", "no folder named", "set MLN_DATA_ROOT, or --data-root")
        return
    if not root.is_dir():
        yield Finding("image data", "problem", f"{root}: no such folder", "correct MLN_DATA_ROOT")
        return
    sets = sorted(path.name for path in root.iterdir() if path.is_dir())
    yield Finding("image data", "ok" if sets else "note", f"{root}: {', '.join(sets) or 'empty'}")
