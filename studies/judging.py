"""Judging evolved losses on frozen tasks of the study's families: never on a test split."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.random import SeedSequence
from numpy.typing import NDArray

from bench.experiment.model import Experiment
from bench.experiment.study import StudyBase
from bench.tasks.resolve import resolve
from mln.config import LossSpec
from mln.fitness import tuned_gain
from mln.pieces import Draw, FitnessProtocol
from mln.random import child
from studies.outcome import FamilyGain
from studies.seeds import JUDGE, Use, study_seed

TASK, LEARNER = 0, 1


def judge(
    experiment: Experiment, study: StudyBase, spec: LossSpec, genome: NDArray[np.float32]
) -> tuple[FamilyGain, ...]:
    """What a genome [G] gains over cross-entropy on the study's tasks, by family.

    On each task both take the best of the same learning rates on its own inner_valid, as each seed
    of a benchmark does. The learner, the training and the metric are the experiment's own,
    whatever the trial evolved with.

    Raises:
        ValueError: the experiment has no section [evolution].
    """
    if experiment.evolution is None:
        raise ValueError("judging needs the section [evolution]")
    settings = experiment.evolution.settings
    protocol = FitnessProtocol.of(settings, spec, experiment.device, experiment.kernel)
    draws = frozen_draws(experiment.seed, study.families, study.tasks, JUDGE[study.kind])
    gains = []
    for at, family in enumerate(study.families[: study.tasks]):
        tasks = np.arange(at, study.tasks, len(study.families))
        result = tuned_gain(
            genome[None], [draws[k] for k in tasks], experiment.tuning.rates, protocol
        )
        gains.append(FamilyGain(family, tasks, result.gain[0], result.diverged))
    return tuple(gains)


@lru_cache(maxsize=4)
def frozen_draws(root: int, families: Sequence[str], tasks: int, use: Use) -> tuple[Draw, ...]:
    """The tasks that all trials share, from each family in turn; they have no test split.

    Their own learning rate is not used: judging tunes it.
    """
    sources = [resolve(name).source(test=False) for name in families]

    def draw(k: int, seed: SeedSequence) -> Draw:
        return Draw(sources[k % len(sources)](child(seed, TASK)), 0.0, child(seed, LEARNER))

    return tuple(draw(k, study_seed(root, use, k)) for k in range(tasks))
