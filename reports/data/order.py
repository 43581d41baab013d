"""The order in which a report shows its rows."""

from typing import Any

import numpy as np
import pandas as pd

from bench.experiment.model import Experiment
from bench.policies import POLICIES


def ordered(experiment: Experiment, frame: pd.DataFrame) -> tuple[pd.DataFrame, Any]:
    """Rows in the experiment's order of tasks and losses, the primary policy first; and where "
    "each was."""
    benchmark = experiment.benchmark
    order = {
        "task": list(benchmark.tasks if benchmark else ()),
        "loss": list(experiment.losses()),
        "policy": list(POLICIES),
    }
    keys = []
    for name in ("task", "learner", "loss", "policy", "seed"):
        if name not in frame:
            continue
        if name == "seed":
            keys.append(frame[name].to_numpy())
            continue
        codes, uniques = pd.factorize(frame[name], sort=True)
        names = order.get(name, [])
        places = {value: place for place, value in enumerate(names)}
        rank = np.array(
            [places.get(value, len(names) + code) for code, value in enumerate(uniques)], dtype=int
        )
        keys.append(rank[codes] if len(rank) else codes)
    sorting = np.lexsort(keys[::-1]) if keys and len(frame) else np.arange(len(frame))
    return frame.iloc[sorting].reset_index(drop=True), sorting
