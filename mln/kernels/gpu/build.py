"""How the Triton program that trains is compiled."""

from typing import NamedTuple

NARROW = 4 * 1024
"""Padded weights, in numbers, up to which a learner is narrow; see `warps_of`."""


class Build(NamedTuple):
    """How the training program is compiled; its last bits follow the precision and the warps.

    precision: of matrix products, "ieee" (float32 throughout) or "tf32x3" (three products of
    TF32 on the tensor cores, whose sum has almost float32's digits). warps: of a program, None for
    `warps_of`; unroll: hidden units of a loss that are computed together; registers: of a thread
    at most, None for as many as there are.
    """

    precision: str = "ieee"
    warps: int | None = None
    unroll: int = 1
    registers: int | None = None


def warps_of(size: int, layers: int, optimizer: str) -> int:
    """Warps of a program for a learner of so many padded weights and layers.

    As measured on an H100 with Triton 3.6 (docs/gpu.md): a step of Adam in three narrow layers made
    8.6 million member-steps/s with 4 warps, 7.2 with 16, and 1.0 with 8, where the compiler took 32
    registers a thread and kept the rest in memory; in two layers 8 warps were the fastest of 2, 4,
    8 and 16. Three wide layers under Adam are not measured: 16 warps avoid what befell 8.
    """
    if size > 12 * 1024:
        return 16
    if layers > 2 and optimizer != "sgd":
        return 4 if size <= NARROW else 16
    return 8
