"""The scale of losses: computed in blocks of a fixed size on another device than a CPU."""

import numpy as np
import torch

from mln.config import STATE_FEATURES, LossSpec
from mln.layout import layout
from mln.losses import probe
from mln.losses.meta import stacked_from_genomes


def test_blocks_change_no_bits_of_the_scale(monkeypatch):
    monkeypatch.setattr(probe, "DEVICE_BLOCK", 2)
    for spec in (LossSpec(), LossSpec(kind="adaptive", state=STATE_FEATURES)):
        genomes = np.random.default_rng(0).standard_normal((5, layout(spec).size))
        loss = stacked_from_genomes(spec, torch.from_numpy(genomes), 3, normalise=False)
        z, target = probe.probe(3)
        p = z.softmax(0)
        scale = probe.rms(p - target) / probe.in_blocks(loss, p, target)
        assert torch.equal(scale, probe.gradient_scale(loss, 3))
