"""Loss functions for stacked learners: cross-entropy, its rivals and the evolved network."""
