"""The Triton program that trains one perceptron for many steps.

It holds a member's weights and its optimiser's moments for all its steps: device memory
sees them before and after alone. Matrices of weights are [in, out], examples are rows; widths are
padded to powers of two, where weights are and stay 0.
"""

import triton
import triton.language as tl

from mln.kernels.gpu.layers import load_layer, product, relu, store_layer
from mln.kernels.gpu.losses import (
    LOG_FLOOR,
    MAX_TAU,
    PRIOR_FLOOR,
    ROW,
    ROWS_AT,
    adaptive_gradient,
    adjusted,
    clipped,
    hand_made,
    network_slope,
    observed,
    row_of_state,
    sigmoid,
    through_softmax,
)

MEMORY = tl.constexpr(8)  # numbers of a member's memory before the running class frequencies


@triton.jit
def updated(w, m, v, g, rate, root, decay, shrink, momentum, RULE: tl.constexpr):
    """Weights and moments after one step of the optimiser; see mln.kernels.optimizer."""
    if RULE == "adamw":
        w -= shrink * w
    else:
        g += decay * w
    if RULE == "adam" or RULE == "adamw":
        m += 0.1 * (g - m)
        v = v * 0.999 + (0.001 * g) * g
        w -= rate * (m / (tl.sqrt_rn(v) * root + 1e-8))
    else:
        m = m * momentum + g
        if RULE == "nesterov":
            w -= rate * (g + momentum * m)
        else:
            w -= rate * m
    return w, m, v


@triton.jit(do_not_specialize=("begin", "end", "steps", "classes", "batch", "width"))
def train(
    pool,
    rows,
    labels,
    slots,
    rates,
    schedule,
    weights,
    first,
    second,
    memories,
    diverged_at,
    losses,
    begin,
    end,
    steps,
    momentum,
    decay,
    inverse_batch,
    classes,
    batch,
    width,
    class_size,
    log_classes,
    P0: tl.constexpr,
    P1: tl.constexpr,
    P2: tl.constexpr,
    P3: tl.constexpr,
    P4: tl.constexpr,
    LAYERS: tl.constexpr,
    SIZE: tl.constexpr,
    PC: tl.constexpr,
    PB: tl.constexpr,
    RULE: tl.constexpr,
    KIND: tl.constexpr,
    HIDDEN: tl.constexpr,
    ACTIVATION: tl.constexpr,
    LOG_P: tl.constexpr,
    SOFTPLUS: tl.constexpr,
    STATE: tl.constexpr,
    PRECISION: tl.constexpr,
    UNROLL: tl.constexpr,
):
    """Train member `program_id(0)` from step `begin` to before `end`.

    pool [M, D]; rows, labels [K, steps, B]; slots, rates [P]; schedule [3, steps]: the step's
    factor of the rate, Adam's correction of the root, AdamW's factor of the weights; weights and
    moments [P, W]; memories [P, 8 + PC]; diverged_at [P]; losses [P, width].
    """
    member = tl.program_id(0)
    at = member.to(tl.int64)
    adam: tl.constexpr = (RULE == "adam") or (RULE == "adamw")
    row = weights + at * SIZE
    row_m = first + at * SIZE
    row_v = second + at * SIZE
    S1: tl.constexpr = P0 * P1 + P1
    S2: tl.constexpr = S1 + P1 * P2 + P2
    S3: tl.constexpr = S2 + P2 * P3 + P3
    w1, b1 = load_layer(row, P0, P1)
    mw1, mb1 = load_layer(row_m, P0, P1)
    vw1, vb1 = mw1, mb1
    if adam:
        vw1, vb1 = load_layer(row_v, P0, P1)
    if LAYERS >= 2:
        w2, b2 = load_layer(row + S1, P1, P2)
        mw2, mb2 = load_layer(row_m + S1, P1, P2)
        vw2, vb2 = mw2, mb2
        if adam:
            vw2, vb2 = load_layer(row_v + S1, P1, P2)
    if LAYERS >= 3:
        w3, b3 = load_layer(row + S2, P2, P3)
        mw3, mb3 = load_layer(row_m + S2, P2, P3)
        vw3, vb3 = mw3, mb3
        if adam:
            vw3, vb3 = load_layer(row_v + S2, P2, P3)
    if LAYERS >= 4:
        w4, b4 = load_layer(row + S3, P3, P4)
        mw4, mb4 = load_layer(row_m + S3, P3, P4)
        vw4, vb4 = mw4, mb4
        if adam:
            vw4, vb4 = load_layer(row_v + S3, P3, P4)

    numbers = losses + at * width
    rate_of_member = tl.load(rates + at)
    slot = tl.load(slots + at).to(tl.int64)
    b = tl.arange(0, PB)
    c = tl.arange(0, PC)
    d = tl.arange(0, P0)
    in_batch = b < batch
    is_class = c < classes
    counted = in_batch[:, None] & is_class[None, :]
    draw = slot * steps * batch + b
    lost = tl.load(diverged_at + at)
    memory = memories + at * (MEMORY + PC)
    if STATE:
        target = tl.load(memory)
        accuracy = tl.load(memory + 1)
        confidence = tl.load(memory + 2)
        disagreement = tl.load(memory + 3)
        slow = tl.load(memory + 4)
        prior = tl.load(memory + MEMORY + c)
    f0 = 0.0
    f1 = 0.0
    f2 = 0.0
    f3 = 0.0
    f4 = 0.0
    f5 = 0.0
    f6 = 0.0
    f7 = 0.0
    f8 = 0.0 + class_size
    scale = tl.load(numbers + 1)
    number_of_classes = classes.to(tl.float32)

    step = begin
    index = tl.load(rows + draw + step * batch, mask=in_batch, other=0)
    label = tl.load(labels + draw + step * batch, mask=in_batch, other=-1)
    for _ in range(begin, end):
        x = tl.load(
            pool + index.to(tl.int64)[:, None] * P0 + d[None, :],
            mask=in_batch[:, None],
            other=0.0,
        )
        y = tl.where(label[:, None] == c[None, :], 1.0, 0.0)
        now = label
        # The next step's examples are asked for while this one computes.
        later = draw + tl.minimum(step + 1, steps - 1) * batch
        index = tl.load(rows + later, mask=in_batch, other=0)
        label = tl.load(labels + later, mask=in_batch, other=-1)

        z = product(x, w1, PRECISION) + b1[None, :]
        if LAYERS >= 2:
            a1 = relu(z)
            z = product(a1, w2, PRECISION) + b2[None, :]
        if LAYERS >= 3:
            a2 = relu(z)
            z = product(a2, w3, PRECISION) + b3[None, :]
        if LAYERS >= 4:
            a3 = relu(z)
            z = product(a3, w4, PRECISION) + b4[None, :]

        unsound = tl.sum(tl.sum(tl.where(counted, z * 0.0, 0.0), 1), 0) != 0.0
        lost = tl.where((lost < 0) & unsound, step + 1, lost)
        z = tl.where(is_class[None, :], z, -float("inf"))
        z -= tl.max(z, 1)[:, None]
        e = tl.exp(z)
        total = tl.sum(e, 1)
        p = e / total[:, None]
        if STATE:
            target, accuracy, confidence, disagreement, slow, prior = observed(
                target,
                accuracy,
                confidence,
                disagreement,
                slow,
                prior,
                z,
                p,
                y,
                now,
                in_batch,
                step.to(tl.float32),
                inverse_batch,
            )
            entropy = -tl.sum(
                tl.where(is_class, prior * tl.log(tl.maximum(prior, PRIOR_FLOOR)), 0.0), 0
            )
            f0 = step.to(tl.float32) / steps.to(tl.float32)
            f1 = tl.minimum(target, 1.0)
            f2 = tl.minimum(accuracy, 1.0)
            f3 = tl.minimum(confidence, 1.0)
            f4 = tl.minimum(disagreement, 1.0)
            f5 = tl.minimum(tl.maximum(slow - accuracy, 0.0), 1.0)
            f6 = tl.maximum(tl.minimum(confidence - accuracy, 1.0), -1.0)
            f7 = tl.minimum(entropy / log_classes, 1.0)
        if KIND == "network" or KIND == "residual" or KIND == "gate":
            log_p = tl.where(is_class[None, :], z - tl.log(total)[:, None], LOG_FLOOR)
            log_p = tl.where(log_p < LOG_FLOOR, LOG_FLOOR, log_p)
            u = network_slope(
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
                HIDDEN,
                ACTIVATION,
                LOG_P,
                SOFTPLUS,
                STATE,
                UNROLL,
            )
            dz = through_softmax(tl.where(is_class[None, :], u, 0.0), p)
            if KIND == "residual":
                dz = scale * (p - y + dz)
            if KIND == "gate":
                at_gate = numbers + ROWS_AT
                g = sigmoid(row_of_state(at_gate, f0, f1, f2, f3, f4, f5, f6, f7, f8, STATE))
                tau = row_of_state(at_gate + ROW, f0, f1, f2, f3, f4, f5, f6, f7, f8, STATE)
                ce = adjusted(p, prior, clipped(tau) * MAX_TAU, is_class) - y
                dz = scale * ((1.0 - g) * ce + g * dz)
        elif KIND == "adaptive":
            at_q = numbers + ROWS_AT
            q = row_of_state(at_q, f0, f1, f2, f3, f4, f5, f6, f7, f8, STATE)
            eps = row_of_state(at_q + ROW, f0, f1, f2, f3, f4, f5, f6, f7, f8, STATE)
            gamma = row_of_state(at_q + 2 * ROW, f0, f1, f2, f3, f4, f5, f6, f7, f8, STATE)
            tau = row_of_state(at_q + 3 * ROW, f0, f1, f2, f3, f4, f5, f6, f7, f8, STATE)
            q = tl.load(numbers + 2) * clipped(q)
            eps = tl.load(numbers + 3) * clipped(eps)
            gamma = tl.load(numbers + 4) * clipped(gamma)
            tau = tl.load(numbers + 5) * clipped(tau)
            changed = tl.where(tau == 0.0, p, adjusted(p, prior, tau, is_class))
            dz = adaptive_gradient(changed, y, is_class, q, eps, gamma, scale, number_of_classes)
        else:
            dz = hand_made(p, y, is_class, numbers, number_of_classes, KIND)
        dz = tl.where(counted, dz * inverse_batch, 0.0)

        factor = tl.load(schedule + step)
        rate = rate_of_member * factor
        root = tl.load(schedule + steps + step)
        shrink = rate_of_member * tl.load(schedule + 2 * steps + step)
        if LAYERS >= 4:
            gw = product(tl.trans(a3), dz, PRECISION)
            gb = tl.sum(dz, 0)
            dz = tl.where(a3 <= 0.0, 0.0, product(dz, tl.trans(w4), PRECISION))
            w4, mw4, vw4 = updated(w4, mw4, vw4, gw, rate, root, decay, shrink, momentum, RULE)
            b4, mb4, vb4 = updated(b4, mb4, vb4, gb, rate, root, decay, shrink, momentum, RULE)
        if LAYERS >= 3:
            gw = product(tl.trans(a2), dz, PRECISION)
            gb = tl.sum(dz, 0)
            dz = tl.where(a2 <= 0.0, 0.0, product(dz, tl.trans(w3), PRECISION))
            w3, mw3, vw3 = updated(w3, mw3, vw3, gw, rate, root, decay, shrink, momentum, RULE)
            b3, mb3, vb3 = updated(b3, mb3, vb3, gb, rate, root, decay, shrink, momentum, RULE)
        if LAYERS >= 2:
            gw = product(tl.trans(a1), dz, PRECISION)
            gb = tl.sum(dz, 0)
            dz = tl.where(a1 <= 0.0, 0.0, product(dz, tl.trans(w2), PRECISION))
            w2, mw2, vw2 = updated(w2, mw2, vw2, gw, rate, root, decay, shrink, momentum, RULE)
            b2, mb2, vb2 = updated(b2, mb2, vb2, gb, rate, root, decay, shrink, momentum, RULE)
        gw = product(tl.trans(x), dz, PRECISION)
        gb = tl.sum(dz, 0)
        w1, mw1, vw1 = updated(w1, mw1, vw1, gw, rate, root, decay, shrink, momentum, RULE)
        b1, mb1, vb1 = updated(b1, mb1, vb1, gb, rate, root, decay, shrink, momentum, RULE)
        step += 1

    store_layer(row, w1, b1, P0, P1)
    store_layer(row_m, mw1, mb1, P0, P1)
    if adam:
        store_layer(row_v, vw1, vb1, P0, P1)
    if LAYERS >= 2:
        store_layer(row + S1, w2, b2, P1, P2)
        store_layer(row_m + S1, mw2, mb2, P1, P2)
        if adam:
            store_layer(row_v + S1, vw2, vb2, P1, P2)
    if LAYERS >= 3:
        store_layer(row + S2, w3, b3, P2, P3)
        store_layer(row_m + S2, mw3, mb3, P2, P3)
        if adam:
            store_layer(row_v + S2, vw3, vb3, P2, P3)
    if LAYERS >= 4:
        store_layer(row + S3, w4, b4, P3, P4)
        store_layer(row_m + S3, mw4, mb4, P3, P4)
        if adam:
            store_layer(row_v + S3, vw4, vb4, P3, P4)
    tl.store(diverged_at + at, lost)
    if STATE:
        tl.store(memory, target)
        tl.store(memory + 1, accuracy)
        tl.store(memory + 2, confidence)
        tl.store(memory + 3, disagreement)
        tl.store(memory + 4, slow)
        tl.store(memory + MEMORY + c, prior)
