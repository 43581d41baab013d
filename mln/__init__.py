"""The core of MLN-Bench: loss functions that are small neural networks, and their evolution.

`MetaLoss` is an ordinary torch criterion; `evolve` finds its weights. Names are imported on
first use, so that reading a configuration does not import torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mln.config import EvolutionConfig, LearnerSpec, LossSpec, TrainingSpec
    from mln.criterion import MetaLoss
    from mln.evolution import EvolutionResult, Execution, evolve

__version__ = "0.2.0"

_HOME = {
    "EvolutionConfig": "mln.config",
    "EvolutionResult": "mln.evolution",
    "Execution": "mln.evolution",
    "LearnerSpec": "mln.config",
    "LossSpec": "mln.config",
    "MetaLoss": "mln.criterion",
    "TrainingSpec": "mln.config",
    "evolve": "mln.evolution",
}

__all__ = [
    "EvolutionConfig",
    "EvolutionResult",
    "Execution",
    "LearnerSpec",
    "LossSpec",
    "MetaLoss",
    "TrainingSpec",
    "evolve",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'mln' has no attribute {name!r}")
