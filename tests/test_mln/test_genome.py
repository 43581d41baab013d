"""The genomes that evolution starts from."""

import numpy as np
import pytest
import torch
from test_mln.helpers import SPECS, VECTOR
from torch.nn import functional

from mln.config import LossSpec
from mln.genome import imitation, start_genome
from mln.layout import layout
from mln.losses.meta import stacked_from_genomes
from mln.losses.probe import probe


@pytest.mark.parametrize("spec", [*SPECS.values(), VECTOR], ids=[*SPECS, "vector"])
def test_every_imitation_points_where_cross_entropy_points(spec: LossSpec) -> None:
    genome = start_genome(spec, np.random.default_rng(0))
    assert genome.shape == (layout(spec).size,)
    classes = spec.classes or 4
    z, y = probe(classes)
    p = z.softmax(0)
    loss = stacked_from_genomes(spec, torch.tensor(genome)[None].double(), classes)
    ours = loss.gradient(p[None], y[None])[0]
    cosine = functional.cosine_similarity(ours.flatten(), (p - y).flatten(), dim=0)
    # A quadratic slope cannot follow -1/p.
    assert cosine > (0.75 if spec.kind == "taylor" else 0.95)


def test_random_start_differs_by_generator() -> None:
    spec = LossSpec(kind="adaptive", start="random", state=("drop",))
    genomes = [start_genome(spec, np.random.default_rng(seed)) for seed in (0, 1)]
    assert not np.array_equal(*genomes)
    assert not np.array_equal(genomes[0], imitation(spec))
