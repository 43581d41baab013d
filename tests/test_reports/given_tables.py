"""Tables of results as other code writes them: simulated, nothing is trained."""

import numpy as np
import pandas as pd

EFFECTS = {"ce": 0.0, "mse": -0.02, "focal": 0.02}


def tuned(*, tasks=("digits", "moons"), seeds=8, rates=(0.001, 0.01, 0.1), parameters=()):
    """One row per learner: task, learner, loss, seed, lr, parameter, inner, accuracy.

    Scores are counts over 500 examples, as accuracies are; `parameters` are those of focal.
    """
    records = []
    for t, task in enumerate(tasks):
        for seed in range(seeds):
            shared = np.random.default_rng((1, t, seed)).normal(0.9, 0.02)
            for k, (loss, effect) in enumerate(EFFECTS.items()):
                own = parameters if loss == "focal" and parameters else (None,)
                for r, lr in enumerate(rates):
                    for p, parameter in enumerate(own):
                        rng = np.random.default_rng((2, t, seed, k, r, p))
                        level = shared + effect - 0.01 * (r != 1)
                        inner, score = np.round(500 * (level + rng.normal(0, 0.006, 2))) / 500
                        records.append((task, "mlp", loss, 100 + seed, lr, parameter, inner, score))
    columns = ["task", "learner", "loss", "seed", "lr", "parameter", "inner", "accuracy"]
    frame = pd.DataFrame(records, columns=columns)
    return frame if parameters else frame.drop(columns="parameter")


def plain(**settings):
    """One row per task, loss and seed, with nothing to choose among."""
    return tuned(rates=(0.01,), **settings).drop(columns=["lr", "inner"])
