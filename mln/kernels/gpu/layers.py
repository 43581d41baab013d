"""Layers as parts of the Triton programs: products of float32 matrices, and where weights lie."""

import triton
import triton.language as tl


@triton.jit
def halves_of_columns(a):
    """The left and the right half of a matrix [M, K]."""
    M: tl.constexpr = a.shape[0]
    K: tl.constexpr = a.shape[1]
    return tl.split(tl.permute(tl.reshape(a, (M, 2, K // 2)), (0, 2, 1)))


@triton.jit
def halves_of_rows(a):
    """The upper and the lower half of a matrix [K, N]."""
    K: tl.constexpr = a.shape[0]
    N: tl.constexpr = a.shape[1]
    return tl.split(tl.permute(tl.reshape(a, (2, K // 2, N)), (1, 2, 0)))


@triton.jit
def added(a, b, c, PRECISION: tl.constexpr):
    """c + a b, of at most 16 columns of a at a time."""
    if a.shape[1] == 16:
        c = tl.dot(a, b, c, input_precision=PRECISION, out_dtype=tl.float32)
    elif a.shape[1] == 32:
        left, right = halves_of_columns(a)
        upper, lower = halves_of_rows(b)
        c = tl.dot(left, upper, c, input_precision=PRECISION, out_dtype=tl.float32)
        c = tl.dot(right, lower, c, input_precision=PRECISION, out_dtype=tl.float32)
    else:
        left, right = halves_of_columns(a)
        upper, lower = halves_of_rows(b)
        a0, a1 = halves_of_columns(left)
        b0, b1 = halves_of_rows(upper)
        c = tl.dot(a0, b0, c, input_precision=PRECISION, out_dtype=tl.float32)
        c = tl.dot(a1, b1, c, input_precision=PRECISION, out_dtype=tl.float32)
        a2, a3 = halves_of_columns(right)
        b2, b3 = halves_of_rows(lower)
        c = tl.dot(a2, b2, c, input_precision=PRECISION, out_dtype=tl.float32)
        c = tl.dot(a3, b3, c, input_precision=PRECISION, out_dtype=tl.float32)
    return c


@triton.jit
def product(a, b, PRECISION: tl.constexpr):
    """A matrix product; without tensor cores in parts: a thread keeps all that it multiplies in
    registers, and the whole of it would not fit."""
    c = tl.zeros((a.shape[0], b.shape[1]), tl.float32)
    if PRECISION != "ieee":
        c = tl.dot(a, b, c, input_precision=PRECISION, out_dtype=tl.float32)
    elif a.shape[1] >= 128:
        left, right = halves_of_columns(a)
        upper, lower = halves_of_rows(b)
        c = added(left, upper, c, PRECISION)
        c = added(right, lower, c, PRECISION)
    else:
        c = added(a, b, c, PRECISION)
    return c


@triton.jit
def relu(x):
    """NaN stays NaN."""
    return tl.where(x < 0.0, 0.0, x)


@triton.jit
def load_layer(row, IN: tl.constexpr, OUT: tl.constexpr):
    """Weight [IN, OUT] and bias [OUT] from where they lie one after another."""
    i = tl.arange(0, IN)
    o = tl.arange(0, OUT)
    weight = tl.load(row + i[:, None] * OUT + o[None, :])
    return weight, tl.load(row + IN * OUT + o)


@triton.jit
def store_layer(row, weight, bias, IN: tl.constexpr, OUT: tl.constexpr):
    """The inverse of `load_layer`."""
    i = tl.arange(0, IN)
    o = tl.arange(0, OUT)
    tl.store(row + i[:, None] * OUT + o[None, :], weight)
    tl.store(row + IN * OUT + o, bias)


@triton.jit
def largest(z):
    """The first class with the largest logit; class 0 of logits that are no numbers."""
    return tl.argmax(tl.where(z == z, z, -float("inf")), 1)
