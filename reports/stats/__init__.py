"""Statistics: arrays in, named tuples out; nothing here draws, prints or reads a store.

paired: one comparison. multiple: corrections. planning: power. ranks: several losses over blocks.
aggregate: all tasks together. survival: times that are censored. factorial: ablations. bayes and
unpaired: what their names say.
"""

from reports.stats.multiple import benjamini_hochberg, holm
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
    superiority_interval,
    wilcoxon,
)
from reports.stats.planning import detectable, detectable_by_signs, power, seeds_needed
from reports.stats.types import Interval, Significance, Vector

__all__ = [
    "Interval",
    "Significance",
    "Vector",
    "benjamini_hochberg",
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
    "superiority_interval",
    "wilcoxon",
]
