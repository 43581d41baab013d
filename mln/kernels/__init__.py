"""Rollout kernels: `reference`, the yardstick of the tests, `analytic` and the compiled `fused`;
`engine` chooses."""

KERNEL_VERSIONS = {"fused": 1, "analytic": 3, "reference": 3}
"""A kernel whose bits change gets a new version: it is part of every result's key."""
