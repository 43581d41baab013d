"""Shapes that keep a member's bits independent of its neighbours."""

ALIGN = 8
"""Matrices of a batched product lie a multiple of ALIGN numbers apart. A BLAS may round a matrix
that begins at another alignment differently (seen with MKL on AMD processors, at distances that
are no multiple of 16 bytes): a member's bits would depend on its place in the chunk."""


def aligned(size: int) -> int:
    """`size` rounded up to a multiple of ALIGN."""
    return -(-size // ALIGN) * ALIGN
