"""What a result depends on besides its configuration, and where it was computed."""

import hashlib
import platform
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
SOURCES = (
    ("mln", ""),
    ("bench", "tasks"),
    ("bench", "registry.py"),
    ("bench", "seeds.py"),
    ("bench", "training.py"),
    ("bench", "adaptability.py"),
    ("bench", "value_loss.py"),
)


@lru_cache
def versions() -> dict[str, str]:
    """Installed versions of the libraries, read without importing them."""
    return {name: metadata.version(name) for name in REPORTED}


@lru_cache
def source_hash() -> str:
    """Hash of the source files that determine results: the core, tasks, and training of cells."""
    total = hashlib.sha256()
    for package, below in SOURCES:
        root = Path(str(resources.files(package))) / below
        found = root.rglob("*") if root.is_dir() else [root]
        files = sorted(file for file in found if file.suffix in SUFFIXES)
        for file in files:
            total.update(f"{package}/{file.relative_to(root.parent)}\n".encode())
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
    }


@lru_cache
def processor() -> str:
    """The processor's model name."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def provenance(device: str, kernel: KernelName) -> dict[str, object]:
    """What is stored beside each result."""
    return {
        **determinants(device, kernel),
        "versions": versions(),
        "python": platform.python_version(),
        "processor": processor(),
        "platform": f"{platform.system()} {platform.machine()}",
    }
