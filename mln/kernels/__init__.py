"""Rollout kernels. `analytic` is the fast one, `reference` the yardstick of the tests."""

KERNEL_VERSIONS = {"analytic": 1, "reference": 1}
"""A kernel whose bits change gets a new version: it is part of every result's key."""
