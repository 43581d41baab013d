"""Judging evolved losses on frozen tasks of held-out families: never on a test split."""

from collections.abc import Sequence

from numpy.random import SeedSequence

from bench.seeds import Purpose, seed_for
from bench.tasks.register import source
from mln.fitness import Draw
from mln.random import child

JUDGE, ABLATE = 1, 3
"""What a judgement is for: a study's trials, or an ablation's cells, on tasks no trial saw."""

TASK, LEARNER = 0, 1


def judging_draws(
    root: int, families: Sequence[str], tasks: int, judgement: int = JUDGE
) -> list[Draw]:
    """The tasks that all candidates of a judgement share, from each family in turn.

    Their own learning rate is not used: judging tunes it.
    """
    sources = [source(name, test=False) for name in families]

    def draw(k: int, seed: SeedSequence) -> Draw:
        return Draw(sources[k % len(sources)](child(seed, TASK)), 0.0, child(seed, LEARNER))

    return [draw(k, seed_for(root, Purpose.STUDY, judgement, k)) for k in range(tasks)]
