"""Rollout kernels: `reference`, the yardstick of the tests, and `analytic`; `engine` chooses."""

KERNEL_VERSIONS = {"analytic": 2, "reference": 2}
"""A kernel whose bits change gets a new version: it is part of every result's key."""
