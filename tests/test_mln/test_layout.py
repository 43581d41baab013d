"""The layouts of genomes."""

import numpy as np
import torch
from torch.nn import functional

from mln.config import STATE_FEATURES, LossSpec
from mln.layout import layout
from mln.losses.meta import stacked_from_genomes


def test_sizes_of_genomes() -> None:
    assert layout(LossSpec()).size == 33
    assert layout(LossSpec(head="gate", state=STATE_FEATURES)).size == 125
    assert layout(LossSpec(kind="adaptive")).size == 24
    assert layout(LossSpec(kind="adaptive", state=())).size == 4
    assert layout(LossSpec(kind="taylor")).size == 8
    assert layout(LossSpec(features="logp,p,y", hidden=4, depth=2)).size == 12 + 4 + 20 + 5


def test_the_default_genome_is_w_p_w_y_b_v_c() -> None:
    theta = np.random.default_rng(0).standard_normal((2, 33))
    w_p, w_y, b, v, c = (
        torch.from_numpy(w)[..., None, None] for w in np.split(theta, [8, 16, 24, 32], 1)
    )
    z = torch.from_numpy(np.random.default_rng(1).standard_normal((2, 3, 5)))
    y = functional.one_hot(torch.zeros(2, 5, dtype=torch.long), 3).transpose(1, 2).double()
    p = z.softmax(1)[:, None]
    expected = (v * torch.tanh(w_p * p + w_y * y[:, None] + b)).sum(1) + c[:, 0]
    ours = stacked_from_genomes(LossSpec(), torch.from_numpy(theta), 3, normalise=False)
    torch.testing.assert_close(ours.value(z, y), expected.mean(1))
