"""An experiment that runs in seconds, for the tests."""

from typing import Any

from bench.experiment.model import Experiment

TINY: dict[str, Any] = {
    "name": "tiny",
    "seed": 5,
    "evolution": {
        "runs": 2,
        "families": ["moons+noise=0.2", "blobs_2"],
        "loss": {"hidden": 4},
        "settings": {
            "budget": 600,
            "population": 6,
            "tasks_per_generation": 2,
            "training": {"steps": 10, "batch_size": 8},
            "learner": {"hidden": [4]},
            "genetic": {"elites": 2},
        },
    },
    "benchmark": {
        "tasks": ["spirals", "digits+noise=0.4"],
        "losses": ["ce", "mse", "gce", "mln_initial"],
        "seeds": 6,
        "learner": {"hidden": [4]},
        "training": {"steps": 20, "batch_size": 8},
        "curve_points": 4,
    },
    "tuning": {"rates": [0.01, 0.1], "common_rate": 0.01},
}


def tiny(**benchmark: Any) -> Experiment:
    """The tiny experiment, with some keys of its benchmark changed."""
    return Experiment.model_validate(TINY | {"benchmark": TINY["benchmark"] | benchmark})


def hand_made(**benchmark: Any) -> Experiment:
    """The same without evolution: hand-made losses alone, on one task and three seeds."""
    small = {"tasks": ["spirals"], "losses": ["ce", "mse"], "evolved": False, "seeds": 3}
    content = TINY | {"benchmark": TINY["benchmark"] | small | benchmark}
    return Experiment.model_validate({**content, "evolution": None})
