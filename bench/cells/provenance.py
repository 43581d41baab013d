"""What a result depends on besides its configuration, and where it was computed."""

import hashlib
import platform
from collections.abc import Iterable
from functools import lru_cache
from importlib import metadata, resources
from pathlib import Path

from mln.kernels import KERNEL_VERSIONS
from mln.kernels.engine import KernelName

DTYPE = "float32"
DETERMINING = ("torch", "numpy", "scikit-learn")
REPORTED = (
    *DETERMINING,
    "scipy",
    "statsmodels",
    "pandas",
    "torchvision",
    "pillow",
    "optuna",
    "SQLAlchemy",
    "mln-bench",
)
SUFFIXES = (".py", ".cpp", ".hpp")
FOLDERS = ("mln", "bench.tasks", "bench.catalogue", "bench.cells")
"""Everything that decides a stored number lies in these folders, and they are hashed whole."""


@lru_cache
def versions() -> dict[str, str]:
    """Installed versions of the libraries, read without importing them."""
    return {name: metadata.version(name) for name in REPORTED}


@lru_cache
def source_hash() -> str:
    """Hash of the source files that determine results."""
    return hash_of([Path(str(resources.files(folder))) for folder in FOLDERS])


def hash_of(folders: Iterable[Path]) -> str:
    """SHA-256 of all source files in some folders, by their path within the folder."""
    total = hashlib.sha256()
    for folder in folders:
        for file in sorted(file for file in folder.rglob("*") if file.suffix in SUFFIXES):
            total.update(f"{folder.name}/{file.relative_to(folder).as_posix()}\n".encode())
            total.update(file.read_bytes())
    return total.hexdigest()


def determinants(device: str, kernel: KernelName) -> dict[str, object]:
    """The part of every result's key that is not its configuration."""
    return {
        "kernel": [kernel, KERNEL_VERSIONS[kernel]],
        "device": device,
        "dtype": DTYPE,
        "versions": {name: versions()[name] for name in DETERMINING},
        "source": source_hash(),
        **({"device model": device_model(device)} if device.startswith("cuda") else {}),
    }


@lru_cache
def device_model(device: str) -> str:
    """The model of a CUDA device, which decides the last bits of what it computes."""
    import torch

    if not torch.cuda.is_available():
        return "none"  # a plan may be made where its device is not
    return str(torch.cuda.get_device_name(device))


@lru_cache
def processor() -> str:
    """The processor's model name."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


@lru_cache
def machine() -> dict[str, object]:
    """Where a result was computed."""
    return {
        "versions": versions(),
        "python": platform.python_version(),
        "processor": processor(),
        "platform": f"{platform.system()} {platform.machine()}",
    }


def provenance(
    device: str, kernel: KernelName, where: dict[str, object] | None = None
) -> dict[str, object]:
    """What is stored beside each result; `where` is the `machine()` of a worker elsewhere."""
    return {**determinants(device, kernel), **(where or machine())}


@lru_cache
def agreement(device: str = "cpu") -> dict[str, str]:
    """What a worker must have in common with the machine that gives out the work."""
    shared = {name: versions()[name] for name in DETERMINING}
    if device.startswith("cuda"):
        shared |= {"device": device, "device model": device_model(device)}
    return shared | {"mln-bench's source": source_hash()[:12]}
