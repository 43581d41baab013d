"""Statistics: arrays in, named tuples out; nothing here draws, prints or reads a store.

paired: one comparison. intervals: t intervals. multiple: corrections. planning: power. ranks:
several losses over blocks. crossed: runs and seeds both drawn. aggregate: all tasks together.
bayes: a posterior over tasks. survival: times that are censored. factorial: ablations.
"""

from reports.stats.multiple import holm
from reports.stats.paired import (
    bootstrap_intervals,
    d_z,
    differences,
    equivalence,
    hodges_lehmann,
    mean_interval,
    rank_biserial,
    sd,
    sign_flip,
    superiority,
    wilcoxon,
)
from reports.stats.planning import detectable, detectable_by_signs, power, seeds_needed
from reports.stats.types import Interval, Significance, Vector

__all__ = [
    "Interval",
    "Significance",
    "Vector",
    "bootstrap_intervals",
    "d_z",
    "detectable",
    "detectable_by_signs",
    "differences",
    "equivalence",
    "hodges_lehmann",
    "holm",
    "mean_interval",
    "power",
    "rank_biserial",
    "sd",
    "seeds_needed",
    "sign_flip",
    "superiority",
    "wilcoxon",
]
