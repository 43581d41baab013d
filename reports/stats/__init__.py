"""Statistics: arrays in, named tuples out; nothing here draws, prints or reads a store.

paired: one comparison. equivalence: that it has no difference worth the name. resolution: the
steps in which scores move. intervals: t intervals. multiple: corrections. planning: power. ranks:
several losses over blocks. crossed: runs and seeds both drawn. aggregate: all tasks together.
bayes: a posterior over tasks. survival: times that are censored. factorial: ablations.
"""

from reports.stats.equivalence import equivalence, least_sd, pairs_for_equivalence
from reports.stats.multiple import holm
from reports.stats.paired import (
    bootstrap_intervals,
    d_z,
    differences,
    hodges_lehmann,
    mean_interval,
    rank_biserial,
    sd,
    sign_flip,
    superiority,
    wilcoxon,
)
from reports.stats.planning import detectable, detectable_by_signs, power, seeds_needed
from reports.stats.resolution import are_shares_of, resolution_of
from reports.stats.types import Interval, Significance, Vector

__all__ = [
    "Interval",
    "Significance",
    "Vector",
    "are_shares_of",
    "bootstrap_intervals",
    "d_z",
    "detectable",
    "detectable_by_signs",
    "differences",
    "equivalence",
    "hodges_lehmann",
    "holm",
    "least_sd",
    "mean_interval",
    "pairs_for_equivalence",
    "power",
    "rank_biserial",
    "resolution_of",
    "sd",
    "seeds_needed",
    "sign_flip",
    "superiority",
    "wilcoxon",
]
