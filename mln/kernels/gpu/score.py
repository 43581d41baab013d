"""The Triton program that scores a learner on a split: what mln.measures measures, without logits
in device memory."""

import triton
import triton.language as tl

from mln.kernels.gpu.layers import largest, load_layer, product, relu


@triton.jit(do_not_specialize=("examples", "classes"))
def score(
    pool,
    rows,
    labels,
    slots,
    weights,
    scores,
    examples,
    classes,
    P0: tl.constexpr,
    P1: tl.constexpr,
    P2: tl.constexpr,
    P3: tl.constexpr,
    P4: tl.constexpr,
    LAYERS: tl.constexpr,
    SIZE: tl.constexpr,
    PC: tl.constexpr,
    PB: tl.constexpr,
    BINS: tl.constexpr,
    PBINS: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Scores [P, 4] of member `program_id(0)`, as mln.measures has them, on examples at rows
    [K, E] of the pool with labels [K, E], where -1 is padding; NaN where logits are not finite."""
    at = tl.program_id(0).to(tl.int64)
    row = weights + at * SIZE
    S1: tl.constexpr = P0 * P1 + P1
    S2: tl.constexpr = S1 + P1 * P2 + P2
    S3: tl.constexpr = S2 + P2 * P3 + P3
    w1, b1 = load_layer(row, P0, P1)
    if LAYERS >= 2:
        w2, b2 = load_layer(row + S1, P1, P2)
    if LAYERS >= 3:
        w3, b3 = load_layer(row + S2, P2, P3)
    if LAYERS >= 4:
        w4, b4 = load_layer(row + S3, P3, P4)
    slot = tl.load(slots + at).to(tl.int64)
    c = tl.arange(0, PC)
    d = tl.arange(0, P0)
    bins = tl.arange(0, PBINS)
    is_class = c < classes
    nll = tl.zeros((PB,), tl.float64)
    unsound = tl.zeros((PB,), tl.float32)
    total = tl.zeros((PC,), tl.float32)
    right = tl.zeros((PC,), tl.float32)
    surplus = tl.zeros((PBINS,), tl.float64)
    for start in range(0, examples, PB):
        e = start + tl.arange(0, PB)
        inside = e < examples
        index = tl.load(rows + slot * examples + e, mask=inside, other=0)
        label = tl.load(labels + slot * examples + e, mask=inside, other=-1)
        real = label >= 0
        x = tl.load(
            pool + index.to(tl.int64)[:, None] * P0 + d[None, :],
            mask=real[:, None],
            other=0.0,
        )
        z = product(x, w1, PRECISION) + b1[None, :]
        if LAYERS >= 2:
            z = product(relu(z), w2, PRECISION) + b2[None, :]
        if LAYERS >= 3:
            z = product(relu(z), w3, PRECISION) + b3[None, :]
        if LAYERS >= 4:
            z = product(relu(z), w4, PRECISION) + b4[None, :]
        unsound += tl.where(real, tl.sum(tl.where(is_class[None, :], z * 0.0, 0.0), 1), 0.0)
        z = tl.where(is_class[None, :], z, -float("inf"))
        z -= tl.max(z, 1)[:, None]
        of_all = tl.log(tl.sum(tl.exp(z), 1))
        y = (label[:, None] == c[None, :]) & real[:, None]
        hit = tl.where((largest(z) == label) & real, 1.0, 0.0)
        of_target = tl.sum(tl.where(y, z, 0.0), 1)
        nll += tl.where(real, of_all - of_target, 0.0).to(tl.float64)
        total += tl.sum(tl.where(y, 1.0, 0.0), 0)
        right += tl.sum(tl.where(y, hit[:, None], 0.0), 0)
        # The largest logit is 0.
        confidence = tl.exp(-of_all)
        place = tl.ceil(confidence * BINS).to(tl.int32)
        place = tl.minimum(tl.maximum(place, 1), BINS) - 1
        mine = (place[:, None] == bins[None, :]) & real[:, None]
        over = (hit - confidence).to(tl.float64)
        surplus += tl.sum(tl.where(mine, over[:, None], 0.0), 0)
    count = tl.sum(total, 0)
    occurs = total > 0.0
    recall = tl.sum(tl.where(occurs, right / tl.where(occurs, total, 1.0), 0.0), 0)
    sound = tl.sum(unsound, 0) == 0.0
    nothing = float("nan")
    to = scores + at * 4
    tl.store(to, tl.where(sound, tl.sum(right, 0) / count, nothing))
    mean = tl.sum(nll, 0) / count.to(tl.float64)
    tl.store(to + 1, tl.where(sound, mean.to(tl.float32), nothing))
    present = tl.sum(tl.where(occurs, 1.0, 0.0), 0)
    tl.store(to + 2, tl.where(sound, recall / present, nothing))
    error = tl.sum(tl.abs(surplus), 0) / count.to(tl.float64)
    tl.store(to + 3, tl.where(sound, error.to(tl.float32), nothing))
