"""Hyper-losses, whose exponents follow the state of training."""

import torch

from mln.config import STATE_FEATURES, LossSpec
from mln.genome import imitation
from mln.losses.hyper import HyperLoss


def test_a_hyper_loss_starts_at_cross_entropy_with_units_that_can_move_it() -> None:
    spec = LossSpec(kind="hyper", hidden=6, state=STATE_FEATURES)
    theta = torch.tensor(imitation(spec))[None]
    loss = HyperLoss(spec, theta, 3)
    for stage in ("early", "late"):
        loss.state.hold(stage)
        assert all(float(exponent) == 0 for exponent in loss.exponents())
    theta[:, -28:-22] = 1.0  # output weights of q
    moved = HyperLoss(spec, theta, 3)
    exponents = []
    for stage in ("early", "late"):
        moved.state.hold(stage)
        exponents.append(float(moved.exponents()[0]))
    assert exponents[0] != exponents[1]
