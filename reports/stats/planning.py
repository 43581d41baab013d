"""Power of a paired t test, the effect it can detect, and the seeds that an effect needs.

statsmodels' TTestPower is the oracle of the tests; its solver gives NaN for large effects, which
is why the three lines of mathematics stand here.
"""

import math
from functools import lru_cache

import numpy as np
from scipy import optimize, special

MAX_SEEDS = 100_000


def power(effect: float, n: int, *, alpha: float = 0.05) -> float:
    """Power of a two-sided paired t test of n >= 2 differences with d_z = `effect`."""
    df, shift = n - 1, abs(effect) * math.sqrt(n)
    critical = special.stdtrit(df, 1 - alpha / 2)
    wrong_side = float(special.nctdtr(df, shift, -critical))
    if math.isnan(wrong_side):  # too small to be computed
        wrong_side = 0.0
    return 1 - float(special.nctdtr(df, shift, critical)) + wrong_side


@lru_cache
def detectable(n: int, *, alpha: float = 0.05, wanted: float = 0.8) -> float:
    """The smallest d_z that a two-sided paired t test of n >= 2 differences finds that often."""
    high = 1.0
    while power(high, n, alpha=alpha) < wanted:
        high *= 2
    return float(optimize.brentq(lambda x: power(x, n, alpha=alpha) - wanted, 0, high))


def seeds_needed(effect: float, *, alpha: float = 0.05, wanted: float = 0.8) -> int | None:
    """The least number of differences that find |d_z| = `effect` that often; None above 100,000."""
    if effect == 0:
        return None
    # The normal approximation is a little below the answer; from there it is a short search.
    z = special.ndtri(1 - alpha / 2) + special.ndtri(wanted)
    if (z / effect) ** 2 > MAX_SEEDS:
        return None
    low = max(int((z / effect) ** 2) - 1, 1)
    while low > 1 and power(effect, low, alpha=alpha) >= wanted:
        low = max(low // 2, 1)
    step, high = 1, low + 1
    while power(effect, high, alpha=alpha) < wanted:
        low, step = high, 2 * step
        high += step
    while high - low > 1:
        middle = (low + high) // 2
        if power(effect, middle, alpha=alpha) < wanted:
            low = middle
        else:
            high = middle
    return high if high <= MAX_SEEDS else None


FEW = 14
"""Differences up to which the sign-flip test is clearly weaker than the t test."""

SAMPLES = 2000


@lru_cache
def detectable_by_signs(n: int, *, alpha: float = 0.05, wanted: float = 0.8) -> float:
    """The smallest d_z that a two-sided sign-flip test of n normal differences finds that often.

    Its p-values are multiples of 2^(1-n), so that few differences reach a strict level only by
    the most extreme patterns. Up to 14 differences the power is measured on 2,000 fixed samples
    over all sign patterns; above that it is the t test's at the level that can be attained.
    Infinite where no pattern is extreme enough.
    """
    allowed = math.ceil(alpha * 2.0 ** (n - 1)) - 1  # patterns up to sign with p below the level
    if allowed < 1:
        return math.inf
    if n > FEW:
        return detectable(n, alpha=min(alpha, allowed * 2.0 ** (1 - n)), wanted=wanted)
    noise = np.random.default_rng(n).normal(size=(n, SAMPLES))
    signs = 1.0 - 2.0 * ((np.arange(2 ** (n - 1))[:, None] >> np.arange(n)) & 1)
    sums = signs @ noise  # the effect only adds its own sum of signs
    shift = signs.sum(axis=1, keepdims=True)

    def missed(effect: float) -> float:
        shifted = np.abs(sums + effect * shift)
        as_extreme = (shifted >= shifted[0] - 1e-9).sum(axis=0)
        return wanted - float((as_extreme <= allowed).mean())

    low, high = 0.0, 2.0
    while missed(high) > 0:
        high *= 2
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (middle, high) if missed(middle) > 0 else (low, middle)
    return high
