"""What the seeds of a study are for: no two uses share one, and none is shared with a benchmark."""

from enum import IntEnum

from numpy.random import SeedSequence

from bench.cells.seeds import Purpose, seed_for


class Use(IntEnum):
    """A use of a study's seeds. A confirmation is judged on tasks that no screen has seen."""

    EVOLVE_SCREEN = 0
    JUDGE_SCREEN = 1
    SAMPLER = 2
    JUDGE_ABLATE = 3
    JUDGE_CONFIRM = 4
    EVOLVE_CONFIRM = 5
    EVOLVE_ABLATE = 6
    ORDER = 7


EVOLVE = {
    "screen": Use.EVOLVE_SCREEN,
    "confirm": Use.EVOLVE_CONFIRM,
    "ablate": Use.EVOLVE_ABLATE,
}
JUDGE = {"screen": Use.JUDGE_SCREEN, "confirm": Use.JUDGE_CONFIRM, "ablate": Use.JUDGE_ABLATE}


def study_seed(root: int, use: Use, *index: int) -> SeedSequence:
    """The seed of a use's `index`-th draw under the experiment's root seed."""
    return seed_for(root, Purpose.STUDY, int(use), *index)
