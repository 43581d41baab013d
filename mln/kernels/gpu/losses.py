"""Derivatives of the losses with respect to the logits, as parts of the Triton kernel.

Logits are [B, C]: an example a row. The formulas, their papers and their floors stand in
mln/losses. How a member's numbers lie is said in mln.kernels.gpu.numbers.
"""

import triton
import triton.language as tl

from mln.kernels.gpu.layers import largest

TINY = tl.constexpr(1.1754943508222875e-38)  # mln.losses.base.probability_floor
LOG_FLOOR = tl.constexpr(-60.0)  # mln.losses.network.LOG_FLOOR
P_FLOOR = tl.constexpr(8.75651076269652e-27)
MAX_TAU = tl.constexpr(2.0)  # mln.losses.heads.MAX_TAU
FAST = tl.constexpr(0.05)  # mln.losses.state
SLOW = tl.constexpr(0.01)
PRIOR_FLOOR = tl.constexpr(1e-3)
UNITS_AT = tl.constexpr(48)  # mln.kernels.gpu.numbers
UNIT = tl.constexpr(16)
ROWS_AT = tl.constexpr(8)
ROW = tl.constexpr(10)


@triton.jit
def sigmoid(x):
    """1 / (1 + exp(-x)), with all digits where it is small."""
    e = tl.exp(-tl.abs(x))
    return tl.where(x < 0, e, 1.0) / (1.0 + e)


@triton.jit
def log1p_negative(r):
    """log(1 - r) for r in [0, 1/2], to the last digits where r is small (Kahan)."""
    u = 1.0 - r
    rest = u - 1.0
    return tl.where(rest == 0.0, -r, tl.log(u) * (-r / tl.where(rest == 0.0, 1.0, rest)))


@triton.jit
def expm1(x):
    """exp(x) - 1 for x <= 0, to the last digits where x is small (Kahan)."""
    u = tl.exp(x)
    log_u = tl.log(tl.maximum(u, TINY))
    near = (u - 1.0) * x / tl.where(u == 1.0, 1.0, log_u)
    return tl.where(u == 1.0, x, tl.where(u < 0.25, u - 1.0, near))


@triton.jit
def box_cox(log_p, q):
    """(1 - p^q) / q, or -log p where q is 0."""
    none = q == 0.0
    return tl.where(none, -log_p, -expm1(q * log_p) / tl.where(none, 1.0, q))


@triton.jit
def through_softmax(u, p):
    """From u = p * dl/dp to dl/dz."""
    return u - p * tl.sum(u, 1)[:, None]


@triton.jit
def clipped(x):
    """x held in [0, 1]; what is not a number stays so."""
    x = tl.where(x < 0.0, 0.0, x)
    return tl.where(x > 1.0, 1.0, x)


@triton.jit
def row_of_state(row, f0, f1, f2, f3, f4, f5, f6, f7, f8, STATE: tl.constexpr):
    """A linear function of the state: nine weights, and a constant after them."""
    value = tl.load(row + 9)
    if STATE:
        value += tl.load(row) * f0 + tl.load(row + 1) * f1 + tl.load(row + 2) * f2
        value += tl.load(row + 3) * f3 + tl.load(row + 4) * f4 + tl.load(row + 5) * f5
        value += tl.load(row + 6) * f6 + tl.load(row + 7) * f7 + tl.load(row + 8) * f8
    return value


@triton.jit
def adjusted(p, prior, tau, is_class):
    """Probabilities of logits z + tau * log prior, from p = softmax(z)."""
    log_prior = tl.log(tl.maximum(prior, PRIOR_FLOOR))
    log_prior = tl.where(is_class, log_prior, -1e30)
    shift = log_prior - tl.max(log_prior, 0)
    weighted = p * tl.exp(tau * shift)[None, :]
    return weighted / tl.sum(weighted, 1)[:, None]


@triton.jit
def network_slope(
    log_p,
    p,
    y,
    numbers,
    f0,
    f1,
    f2,
    f3,
    f4,
    f5,
    f6,
    f7,
    f8,
    HIDDEN: tl.constexpr,
    ACTIVATION: tl.constexpr,
    LOG_P: tl.constexpr,
    SOFTPLUS: tl.constexpr,
    STATE: tl.constexpr,
    UNROLL: tl.constexpr,
):
    """u = p times the derivative with respect to p of a network of one hidden layer per class."""
    by_p = tl.zeros_like(p)
    by_log_p = tl.zeros_like(p)
    f = tl.zeros_like(p)
    for h in tl.range(0, HIDDEN, loop_unroll_factor=UNROLL):
        unit = numbers + UNITS_AT + UNIT * h
        bias = tl.load(unit + 3)
        if STATE:
            bias += tl.load(unit + 7) * f0 + tl.load(unit + 8) * f1 + tl.load(unit + 9) * f2
            bias += tl.load(unit + 10) * f3 + tl.load(unit + 11) * f4 + tl.load(unit + 12) * f5
            bias += tl.load(unit + 13) * f6 + tl.load(unit + 14) * f7 + tl.load(unit + 15) * f8
        x = tl.load(unit + 1) * p + tl.load(unit + 2) * y + bias
        if LOG_P:
            x += tl.load(unit) * log_p
        if ACTIVATION == "tanh":
            e = tl.exp(-2.0 * tl.abs(x))
            inverse = 1.0 / (1.0 + e)
            s = 4.0 * e * inverse * inverse
            if SOFTPLUS:
                t = (1.0 - e) * inverse
                f += tl.load(unit + 6) * tl.where(x < 0.0, -t, t)
        elif ACTIVATION == "relu":
            # NaN for NaN and infinity, as it must be seen.
            s = tl.where(x > 0.0, 1.0, x - x)
            if SOFTPLUS:
                f += tl.load(unit + 6) * tl.where(x < 0.0, 0.0, x)
        else:
            half = sigmoid(x)
            s = half * (1.0 + x * (1.0 - half))
            if SOFTPLUS:
                f += tl.load(unit + 6) * (x * half)
        by_p += s * tl.load(unit + 5)
        if LOG_P:
            by_log_p += s * tl.load(unit + 4)
    u = p * by_p
    if LOG_P:
        # Where log p was held at its floor it has no derivative.
        u += tl.where(p > P_FLOOR, by_log_p, 0.0)
    if SOFTPLUS:
        u = u * sigmoid(f + tl.load(numbers))
    return u


@triton.jit
def observed(
    target,
    accuracy,
    confidence,
    disagreement,
    slow,
    prior,
    z,
    p,
    y,
    label,
    in_batch,
    step,
    inverse_batch,
):
    """The running means after one more batch; see mln.losses.state."""
    mine = tl.sum(p * y, 1)
    top = tl.max(p, 1)
    hit = tl.where(largest(z) == label, 1.0, 0.0)
    weight = tl.where(in_batch, inverse_batch, 0.0)
    plain = 1.0 / (step + 2.0)
    fast = tl.maximum(plain, FAST)
    late = tl.maximum(plain, SLOW)
    hits = tl.sum(hit * weight, 0)
    target = target * (1.0 - fast) + tl.sum(mine * weight, 0) * fast
    accuracy = accuracy * (1.0 - fast) + hits * fast
    confidence = confidence * (1.0 - fast) + tl.sum(top * weight, 0) * fast
    wrong = tl.sum(top * (1.0 - hit) * weight, 0)
    disagreement = disagreement * (1.0 - fast) + wrong * fast
    slow = slow * (1.0 - late) + hits * late
    prior = prior * (1.0 - late) + tl.sum(y * weight[:, None], 0) * late
    return target, accuracy, confidence, disagreement, slow, prior


@triton.jit
def hand_made(p, y, is_class, numbers, classes, KIND: tl.constexpr):
    """dl/dz of a loss without a state that is no network, for p and one-hot y [B, C]."""
    d = p - y
    parameter = tl.load(numbers)
    mine = tl.sum(p * y, 1)[:, None]
    if KIND == "mse":
        d = through_softmax(p * d * (2.0 / classes), p)
    elif KIND == "label_smoothing":
        d += parameter * (y - 1.0 / classes)
    elif KIND == "mae":
        d *= 2.0 * mine
    elif KIND == "gce":
        d *= tl.exp(parameter * tl.log(tl.where(mine < TINY, TINY, mine)))
    elif KIND == "sce":
        d *= mine * tl.load(numbers + 1) + parameter
    elif KIND == "poly1":
        d *= 1.0 + parameter * mine
    elif KIND == "focal":
        # 1 - p_t as a sum: a difference has no digits left where p_t is almost 1.
        rest = tl.sum(tl.where(is_class[None, :], p * (1.0 - y), 0.0), 1)[:, None]
        rest = tl.where(rest < TINY, TINY, rest)
        near_one = log1p_negative(tl.minimum(rest, 0.5))
        log_p = tl.where(rest < 0.5, near_one, tl.log(tl.where(mine < TINY, TINY, mine)))
        d *= tl.exp(parameter * tl.log(rest)) * (1.0 - parameter * mine * log_p / rest)
    return d


@triton.jit
def adaptive_gradient(p, y, is_class, q, eps, gamma, scale, classes):
    """dl/dz of an adaptive loss, for adjusted probabilities p; see mln.losses."""
    log_p = tl.log(tl.where(p < TINY, TINY, p))
    rest = 1.0 - p
    rest = tl.where(rest < TINY, TINY, rest)
    focus = tl.exp(gamma * tl.log(rest))
    inner = tl.exp(q * log_p) + gamma * p * box_cox(log_p, q) / rest
    u = ((1.0 - eps) * y + eps / classes) * focus * inner
    return -scale * through_softmax(tl.where(is_class[None, :], u, 0.0), p)
