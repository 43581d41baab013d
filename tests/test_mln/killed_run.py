"""An evolution in a process of its own, for the tests that kill it."""

from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch
from numpy.random import SeedSequence
from test_mln.helpers import linear_task

from mln.config import EvolutionConfig, LearnerSpec, LossSpec, TrainingSpec
from mln.evolution import EvolutionResult, Execution, Generation, evolve
from mln.search.config import GeneticConfig

GENERATIONS = 150
"""Twenty kills, each after some of them, come before the last."""
POPULATION, TASKS, STEPS = 6, 4, 20


def run(
    coevolution: str, checkpoint: Path | None, report: Callable[[int], object]
) -> EvolutionResult:
    """The evolution; `report` gets the number of each generation, and -1 before the first."""
    config = EvolutionConfig(
        budget=(POPULATION + 1) * TASKS * STEPS * GENERATIONS,
        population=POPULATION,
        tasks_per_generation=TASKS,
        training=TrainingSpec(steps=STEPS, batch_size=8),
        learner=LearnerSpec(hidden=(4,)),
        genetic=GeneticConfig(elites=2),
        coevolution=coevolution,  # type: ignore[arg-type]
    )

    def on_generation(generation: Generation, _genome: object) -> None:
        report(generation.number)

    report(-1)
    return evolve(
        LossSpec(hidden=4, start="random"),
        config,
        linear_task,
        SeedSequence(11),
        Execution(on_generation, checkpoint),
    )


def as_arrays(result: EvolutionResult) -> dict[str, np.ndarray]:
    """What must be the same after any interruption."""
    fitness = [[g.best, g.mean, g.diversity, g.member_steps] for g in result.history]
    arrays = {"genome": result.genome, "history": np.array(fitness)}
    if result.learners:
        arrays["learners"] = np.stack(result.learners.weights)
    return arrays


def attempt(checkpoint: Path, result: Path, coevolution: str, progress: Connection) -> None:
    """Run or continue the evolution and save what it gives."""
    torch.set_num_threads(1)
    np.savez(result, **as_arrays(run(coevolution, checkpoint, progress.send)))
