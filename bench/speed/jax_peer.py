"""The same training as one XLA program: scan over the steps, grad, and vmap or lax.map.

Written for speed: examples in columns, so that sums over classes vectorise over the minibatch; the
softmax by hand; convolutions as products with the patches' matrix, because XLA's own convolution
on a CPU takes twenty times as long in the backward pass. Imported only where jax is installed.
"""

import os
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.speed.cases import TIMED_LOSS, Workload, inputs, learner_plan
from mln.learners import Convolution, Layer, LearnerPlan
from mln.losses.network import LOG_FLOOR

# Read when jax is first imported: one thread, as for all other designs.
os.environ["XLA_FLAGS"] = " ".join(
    [
        os.environ.get("XLA_FLAGS", ""),
        "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    ]
).strip()

import jax
import jax.numpy as jnp
from jax import Array, lax

Parameters = list[tuple[Array, Array]]


class JaxVariant(NamedTuple):
    """together: members that one vmap takes, None for all; unroll: steps per turn of the scan."""

    together: int | None
    unroll: int


VARIANTS = {
    "scan(vmap(grad))": JaxVariant(None, 1),
    "scan(vmap(grad)), unroll 4": JaxVariant(None, 4),
    "lax.map": JaxVariant(1, 1),
    "lax.map, unroll 4": JaxVariant(1, 4),
    "lax.map of 8": JaxVariant(8, 1),
    "lax.map of 16, unroll 4": JaxVariant(16, 4),
}


class Compiled(NamedTuple):
    """run: trains all members and returns their weights [P, W]; how long its compilation took."""

    run: Callable[[], NDArray[np.float32]]
    seconds: float


def compile_variant(work: Workload, variant: JaxVariant) -> Compiled:
    """A workload as one compiled program, with its arrays on the device."""
    problem, members = work.problem, work.members
    layers = learner_plan(problem)
    start = problem.initial[members.slot]
    arguments = jax.device_put(
        (
            unflatten(layers, start),
            split_genomes(work.genomes),
            members.lr.astype(np.float32),
            inputs(problem),
            problem.batch_index[0],
            np.eye(problem.classes, dtype=np.float32)[problem.batch_y[0]],
        )
    )
    program = jax.jit(_program(work, layers, variant))
    began = time.process_time()
    compiled = program.lower(*arguments).compile()
    seconds = time.process_time() - began

    def run() -> NDArray[np.float32]:
        parts = jax.block_until_ready(compiled(*arguments))
        flat = [np.asarray(part).reshape(len(start), -1) for pair in parts for part in pair]
        return np.concatenate(flat, 1)

    return Compiled(run, seconds)


def _program(work: Workload, layers: LearnerPlan, variant: JaxVariant) -> Callable[..., Parameters]:
    training = work.problem.training
    gradient = jax.grad(lambda own, genome, x, y: meta_loss(forward(layers, own, x), y, genome))
    update = adam if training.optimizer == "adam" else momentum(training.momentum)

    def one(
        start: Parameters, genome: dict[str, Array], lr: Array, pool: Array, rows: Array, y: Array
    ) -> Parameters:
        def step(carry: Any, batch: Any) -> tuple[Any, None]:
            own, state, number = carry
            index, targets = batch
            slope = gradient(own, genome, pool[index].T, targets.T)
            own, state = update(own, slope, state, lr, number + 1)
            return (own, state, number + 1), None

        zeros = jax.tree.map(jnp.zeros_like, start)
        carry, _ = lax.scan(step, (start, (zeros, zeros), 0.0), (rows, y), unroll=variant.unroll)
        own: Parameters = carry[0]
        return own

    def program(
        start: Parameters, genomes: dict[str, Array], lr: Array, pool: Array, rows: Array, y: Array
    ) -> Parameters:
        def member(own: tuple[Parameters, dict[str, Array], Array]) -> Parameters:
            return one(*own, pool, rows, y)

        each = (start, genomes, lr)
        if variant.together is None:
            all_at_once: Parameters = jax.vmap(member)(each)
            return all_at_once
        size = min(variant.together, len(work.genomes))
        mapped: Parameters = lax.map(member, each, batch_size=None if size == 1 else size)
        return mapped

    return program


def forward(layers: LearnerPlan, own: Parameters, x: Array) -> Array:
    """Logits [C, B] of examples in columns, [D, B]."""
    at = 0
    if layers.convolutions:
        first = layers.convolutions[0]
        x = x.reshape(first.inputs, first.height, first.width, -1)
    for layer in layers.convolutions:
        weight, bias = own[at]
        at += 1
        edge = (layer.padding, layer.padding)
        x = jnp.pad(x, ((0, 0), edge, edge, (0, 0)))
        size = layer.kernel
        high, wide = x.shape[1] - size + 1, x.shape[2] - size + 1
        patches = jnp.stack(
            [x[:, i : i + high, j : j + wide] for i in range(size) for j in range(size)], 1
        )
        x = weight @ patches.reshape(layer.fan_in, -1) + bias[:, None]
        x = x.reshape(layer.outputs, high, wide, -1)
        if layer.pool:
            x = x[:, : high // 2 * 2, : wide // 2 * 2]
            x = x.reshape(layer.outputs, high // 2, 2, wide // 2, 2, -1).max((2, 4))
        x = jax.nn.relu(x)
    x = x.reshape(-1, x.shape[-1])
    for weight, bias in own[at:-1]:
        x = jax.nn.relu(weight @ x + bias[:, None])
    weight, bias = own[-1]
    return weight @ x + bias[:, None]


def meta_loss(z: Array, y: Array, genome: dict[str, Array]) -> Array:
    """Mean loss of logits [C, B] and one-hot targets [C, B] under one genome."""
    shifted = z - lax.stop_gradient(z.max(0))
    log_p = jnp.maximum(shifted - jnp.log(jnp.exp(shifted).sum(0)), LOG_FLOOR)
    w_log, w_p, w_y = (row[:, None, None] for row in genome["inputs"])
    bias = genome["bias_0"][:, None, None]
    hidden = jnp.tanh(w_log * log_p + w_p * jnp.exp(log_p) + w_y * y + bias)
    return jnp.tensordot(genome["output"], hidden, 1).mean() + genome["constant"][0]


def momentum(factor: float) -> Callable[..., Any]:
    """SGD with momentum, as torch.optim.SGD."""

    def update(own: Any, gradient: Any, state: Any, lr: Array, number: Array) -> Any:
        del number
        velocity = jax.tree.map(lambda v, g: factor * v + g, state[0], gradient)
        return jax.tree.map(lambda w, v: w - lr * v, own, velocity), (velocity, state[1])

    return update


def adam(own: Any, gradient: Any, state: Any, lr: Array, number: Array) -> Any:
    """Adam, as torch.optim.Adam."""
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, state[0], gradient)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, state[1], gradient)
    rate, root = lr / (1 - 0.9**number), jnp.sqrt(1 - 0.999**number)
    moved = jax.tree.map(
        lambda w, m, v: w - rate * m / (jnp.sqrt(v) / root + 1e-8), own, first, second
    )
    return moved, (first, second)


def unflatten(layers: LearnerPlan, rows: NDArray[np.float32]) -> list[tuple[Any, Any]]:
    """Weight [P, out, fan_in] and bias [P, out] of each layer from flat weights [P, W]."""
    each: list[Convolution | Layer] = [*layers.convolutions, *layers.linear]
    return [
        (rows[:, layer.weight].reshape(len(rows), layer.outputs, -1), rows[:, layer.bias])
        for layer in each
    ]


def split_genomes(genomes: NDArray[np.float32]) -> dict[str, Any]:
    """The blocks of genomes [P, G] by name, [P, ...]."""
    import torch

    from mln.layout import layout

    parts = layout(TIMED_LOSS).split(torch.from_numpy(genomes))
    return {name: part.numpy() for name, part in parts.items()}
