"""Loss functions for stacked learners: cross-entropy, its rivals and the learned losses."""

from mln.losses.meta import stacked_from_genomes

__all__ = ["stacked_from_genomes"]
