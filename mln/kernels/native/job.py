"""A problem and its losses in the layout that the compiled library reads."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mln.config import STATE_FEATURES
from mln.kernels.alignment import aligned
from mln.kernels.native.build import Variant
from mln.kernels.native.interface import (
    ACTIVATIONS,
    FUSED_KINDS,
    RULES,
    EvaluationStruct,
    MemberStruct,
    SpecStruct,
)
from mln.layout import EXPONENTS, GATE_OUTPUTS
from mln.losses.adaptive import AdaptiveLoss
from mln.losses.base import OneParameter, StackedLoss, state_of
from mln.losses.formulas import SymmetricCrossEntropy
from mln.losses.heads import MAX_TAU, GateLoss
from mln.losses.network import NetworkLoss
from mln.problem import Problem
from mln.rollout import Members

MIN_WIDE_INPUTS, MIN_WIDE_OUTPUTS = 256, 4
"""From so many inputs, and outputs, on a layer's weights are better kept as [in, out]."""


class Measurement(NamedTuple):
    """A split after `step` steps: rows of the pool and labels, int64 [K, E], E aligned."""

    step: int
    split: str
    rows: NDArray[np.int64]
    y: NDArray[np.int64]


class NativeJob:
    """What the library needs for a rollout; the arrays that its structures point to live in it.

    spec: what all members share, for the library of `variant`; measurements: what is scored, in
    the order of the steps. Raises IndexError where a row of the problem lies outside its pool.
    """

    def __init__(
        self, problem: Problem, members: Members, losses: StackedLoss, points: Sequence[int]
    ) -> None:
        self.problem, self.members = problem, members
        self.batch_index = np.ascontiguousarray(problem.batch_index, np.int64)
        self.batch_y = np.ascontiguousarray(problem.batch_y, np.int64)
        start = problem.initial if members.start is None else members.start
        self.start = np.ascontiguousarray(start, np.float32)
        self.loss = _loss_numbers(losses)
        state = state_of(losses)
        names = () if state is None else state.names
        self.state = np.array([STATE_FEATURES.index(name) for name in names], np.int64)
        self.measurements = _measurements(problem, points)
        for rows in (self.batch_index, *(at.rows for at in self.measurements)):
            if rows.size and not 0 <= rows.min() <= rows.max() < len(problem.pool):
                raise IndexError(f"a row of the problem lies outside its pool, 0 to {rows.max()}")
        self.pool = np.ascontiguousarray(problem.pool)
        shape = (problem.features,)
        self.scale = np.ascontiguousarray(np.broadcast_to(problem.scale, shape), np.float32)
        self.shift = np.ascontiguousarray(np.broadcast_to(problem.shift, shape), np.float32)
        self.hidden = np.array(problem.learner.hidden, np.int64)
        self.channels = np.array(problem.learner.channels, np.int64)
        self.schedule = np.array(problem.training.rate_factors())
        self.variant = variant_of(problem)
        self.spec = self._spec(losses)

    def member(
        self, number: int, logits: Sequence[NDArray[np.float32]], weights: NDArray[np.float32]
    ) -> MemberStruct:
        """A member to train; its logits [C, E] of each measurement and weights [W] are filled."""
        slot = int(self.members.slot[number])
        evaluations = (EvaluationStruct * len(self.measurements))(
            *(
                EvaluationStruct(m.step, m.rows.shape[1], m.rows[slot].ctypes.data, z.ctypes.data)
                for m, z in zip(self.measurements, logits, strict=True)
            )
        )
        return MemberStruct(
            batch_index=self.batch_index[slot].ctypes.data,
            batch_y=self.batch_y[slot].ctypes.data,
            start=self.start[slot if self.members.start is None else number].ctypes.data,
            weights=weights.ctypes.data,
            lr=float(self.members.lr[number]),
            loss=self.loss[number].ctypes.data,
            evaluations=len(evaluations),
            evaluation=evaluations,
        )

    def _spec(self, losses: StackedLoss) -> SpecStruct:
        problem, learner, training = self.problem, self.problem.learner, self.problem.training
        channels, height, width = problem.image or (0, 0, 0)
        spec = SpecStruct(
            features=problem.features,
            classes=problem.classes,
            batch=training.batch_size,
            steps=training.steps,
            layers=len(self.hidden),
            hidden=self.hidden.ctypes.data,
            blocks=len(self.channels),
            channels=self.channels.ctypes.data,
            image_channels=channels,
            image_height=height,
            image_width=width,
            kernel=learner.kernel,
            padding=learner.padding,
            per_block=learner.per_block,
            rule=RULES[training.optimizer],
            nesterov=training.nesterov,
            momentum=training.momentum,
            decay=training.weight_decay,
            schedule=self.schedule.ctypes.data,
            loss_kind=FUSED_KINDS.index("gate" if isinstance(losses, GateLoss) else losses.kind),
            loss_states=len(self.state),
            loss_state=self.state.ctypes.data,
            pool=self.pool.ctypes.data,
            pool_bytes=self.pool.dtype == np.uint8,
            pool_scale=self.scale.ctypes.data,
            pool_shift=self.shift.ctypes.data,
        )
        if isinstance(losses, NetworkLoss | GateLoss):
            spec.loss_hidden = losses.spec.hidden
            spec.loss_activation = ACTIVATIONS.index(losses.spec.activation)
            spec.loss_has_log_p = losses.spec.features == "logp,p,y"
            spec.loss_softplus = losses.spec.head == "softplus"
        if isinstance(losses, AdaptiveLoss):
            spec.loss_range[:] = losses.spec.ranges
        if isinstance(losses, GateLoss):
            spec.loss_range[EXPONENTS.index("tau")] = MAX_TAU
        if isinstance(losses, SymmetricCrossEntropy):
            spec.loss_beta, spec.loss_log_zero = losses.beta, losses.log_zero
        return spec


def variant_of(problem: Problem) -> Variant:
    """The library that trains a problem's learners."""
    adam = problem.training.optimizer != "sgd"
    if problem.learner.channels:
        return Variant(adam, "IMAGES")
    outputs = (*problem.learner.hidden, problem.classes)[0]
    inputs = problem.features
    wide = inputs >= MIN_WIDE_INPUTS and inputs >= 2 * outputs and outputs >= MIN_WIDE_OUTPUTS
    return Variant(adam, "WIDE" if wide else "NARROW")


def _loss_numbers(losses: StackedLoss) -> NDArray[np.float32]:
    """The numbers of each loss [P, N], in the order of Loss::set in loss.hpp."""
    if isinstance(losses, GateLoss):
        net = _loss_numbers(losses.net)
        return np.concatenate([net, _linear_numbers(losses, len(GATE_OUTPUTS))], axis=1)
    if isinstance(losses, AdaptiveLoss):
        return _linear_numbers(losses, len(EXPONENTS))
    if isinstance(losses, NetworkLoss):
        hidden = losses.spec.hidden
        inputs = losses.weights[0][:, :hidden].transpose(1, 2).float().numpy()
        if losses.spec.features == "p,y":
            inputs = np.pad(inputs, ((0, 0), (1, 0), (0, 0)))
        parts = [
            inputs.reshape(len(losses), -1),
            losses.biases[0][:, :hidden, 0].float().numpy(),
            losses.v[:, :hidden].float().numpy(),
            losses.c.float().numpy(),
            losses.scale.float().numpy(),
        ]
        if losses.state is not None:
            rows = losses.state_weight[:, :hidden, : len(losses.spec.state)].transpose(1, 2)
            parts.append(rows.float().numpy().reshape(len(losses), -1))
        return np.concatenate(parts, axis=1, dtype=np.float32)
    if isinstance(losses, OneParameter):
        return losses.parameter.float().numpy()[:, None].copy()
    return np.zeros((len(losses), 1), np.float32)


def _linear_numbers(losses: AdaptiveLoss | GateLoss, outputs: int) -> NDArray[np.float32]:
    """Weights of the state [outputs, S], constants [outputs] and the scale of each loss."""
    parts = [losses.constant[:, :outputs], losses.scale]
    if losses.spec.state:
        parts.insert(0, losses.weight[:, :outputs, : len(losses.spec.state)])
    return np.concatenate([part.float().flatten(1).numpy() for part in parts], axis=1)


def _measurements(problem: Problem, points: Sequence[int]) -> list[Measurement]:
    measurements, padded = [], {}
    for step in sorted({int(point) for point in points}):
        if not 1 <= step <= problem.training.steps:
            continue
        for name in problem.evaluations:
            phase = problem.phase(name, step)
            if (name, phase.since) not in padded:
                # A whole number of vectors, so that a score's bits do not depend on its place.
                extra = ((0, 0), (0, aligned(phase.y.shape[1]) - phase.y.shape[1]))
                padded[name, phase.since] = (
                    np.ascontiguousarray(np.pad(phase.rows, extra), np.int64),
                    np.pad(phase.y, extra, constant_values=-1),
                )
            measurements.append(Measurement(step, name, *padded[name, phase.since]))
    return measurements
