"""Screening: which candidates could train a learner at all, judged without training one.

A learner climbs only where its loss pushes the true class up: -dl/dz of the true class must be
positive. A network whose push has the wrong sign at p = 1/C, where every learner starts, drives a
task of C classes to no accuracy at all, whatever it does later; so that point counts as well as
the mean over the probe, for the fewest and for many classes.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from mln.config import LossSpec
from mln.losses.meta import stacked_from_genomes
from mln.losses.probe import probe
from mln.search.base import Genomes

SCREENED_CLASSES = (2, 10)


def push(spec: LossSpec, genomes: Genomes, classes: int) -> NDArray[np.float64]:
    """How strongly each of N genomes pushes the true class's logit up, [N, 2].

    At undecided predictions (p = 1/C) and on average over the probe, in units of cross-entropy's
    push there; NaN where a loss is not finite.
    """
    z, target = (part.float() for part in probe(classes))
    undecided = torch.full((classes, 1), 1 / classes)
    first = torch.eye(classes)[:, :1]
    loss = stacked_from_genomes(spec, torch.from_numpy(np.ascontiguousarray(genomes)), classes)
    pushes = []
    for p, y in ((undecided, first), (z.softmax(0), target)):
        gradient = loss.gradient(p.expand(len(genomes), *p.shape), y.expand(len(genomes), *y.shape))
        ours = -(gradient * y).sum(1).mean(1)
        pushes.append((ours / ((1 - p) * y).sum(0).mean()).double().numpy())
    return np.stack(pushes, axis=1)


def margin(spec: LossSpec, genomes: Genomes) -> NDArray[np.float64]:
    """The weakest push of each of N genomes, [N], within [-1, 1]; only a positive one can train."""
    counts = SCREENED_CLASSES if spec.classes is None else (spec.classes,)
    weakest = np.stack([push(spec, genomes, classes) for classes in counts]).min((0, 2))
    clipped: NDArray[np.float64] = np.clip(np.nan_to_num(weakest, nan=-1.0), -1.0, 1.0)
    return clipped
