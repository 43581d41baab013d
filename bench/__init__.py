"""The benchmark suite: tasks, losses, learners, tuning, running, the store and the command line.

The names below are what plug-ins and notebooks import; they are imported on first use, so that
reading a configuration imports no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.catalogue.learners import LearnerEntry
    from bench.catalogue.losses import LossEntry
    from bench.running.results import results
    from bench.tasks.families.arrays import ArrayFamily
    from bench.tasks.families.synthetic import SyntheticFamily

_HOME = {
    "ArrayFamily": "bench.tasks.families.arrays",
    "LearnerEntry": "bench.catalogue.learners",
    "LossEntry": "bench.catalogue.losses",
    "SyntheticFamily": "bench.tasks.families.synthetic",
    "results": "bench.running.results",
}

__all__ = ["ArrayFamily", "LearnerEntry", "LossEntry", "SyntheticFamily", "results"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'bench' has no attribute {name!r}")
