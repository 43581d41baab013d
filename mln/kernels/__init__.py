"""Rollout kernels: `reference`, the yardstick of the tests, `analytic` by hand, and compiled
`fused` on the CPU and `triton` on a GPU; `engine` chooses."""

KERNEL_VERSIONS = {"fused": 1, "triton": 1, "analytic": 3, "reference": 5}
"""A kernel whose bits change gets a new version: it is part of every result's key."""
