"""How long trainings are cut up: short parts on a CPU, full ones on a GPU."""

import pytest

from bench.cells.loss_ref import LossRef
from bench.cells.training import Member, TrainingJob
from bench.running.spreading import in_parts
from mln.config import LearnerSpec, TrainingSpec

MLP = LearnerSpec()
RESNET = LearnerSpec(hidden=(), kind="module", module="mln.published:resnet8")


def job(learner: LearnerSpec, device: str, steps: int) -> TrainingJob:
    """Eight seeds at two rates."""
    members = tuple(Member(f"{seed}{lr}", seed, lr) for seed in range(8) for lr in (0.03, 0.1))
    loss, training = LossRef("ce", "ce"), TrainingSpec(steps=steps)
    return TrainingJob("t", "u", loss, members, 0, learner, training, 1, "reference", device)


@pytest.mark.parametrize(
    ("learner", "device", "steps", "parts"),
    [
        (MLP, "cpu", 1_000, 1),
        (MLP, "cpu", 12_000, 2),
        (RESNET, "cpu", 100, 2),
        (RESNET, "cpu", 12_000, 8),  # all learners of a seed stay together
        (RESNET, "cuda", 12_000, 1),  # sixteen train as one
        (RESNET, "cuda", 128_000, 3),
    ],
)
def test_a_job_is_cut_up_by_what_it_takes(
    learner: LearnerSpec, device: str, steps: int, parts: int
) -> None:
    cut = in_parts([job(learner, device, steps)], workers=1)
    assert len(cut) == parts
    assert sorted(m.key for part in cut for m in part.members) == sorted(
        m.key for m in job(learner, device, steps).members
    )
