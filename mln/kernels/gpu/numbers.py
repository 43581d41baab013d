"""A loss in the layout that the Triton program reads: one row of numbers for each member.

First the head: 0 a loss's parameter, or a network's constant; 1 its scale (of a symmetric
cross-entropy the factor of the reverse one); 2 to 5 the largest exponents; from ROWS_AT on rows
of nine weights for the features of the state and a constant. Then, from UNITS_AT on, UNIT numbers
for each hidden unit: its weights for log p, p and y, its bias, all factors that the derivatives
with respect to log p and p have in common, its output weight, and its weights for the state.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from mln.config import STATE_FEATURES, LossSpec
from mln.kernels.gpu.interface import loss_obstacle
from mln.layout import EXPONENTS
from mln.losses.adaptive import AdaptiveLoss
from mln.losses.base import OneParameter, StackedLoss
from mln.losses.formulas import SymmetricCrossEntropy
from mln.losses.heads import GateLoss, ResidualLoss
from mln.losses.network import NetworkLoss

ROWS_AT, ROW, UNITS_AT, UNIT = 8, 10, 48, 16
STATE_SIZE = len(STATE_FEATURES)


class LossProgram(NamedTuple):
    """What the program's source depends on (`constants`), and a row of numbers per loss [P, N].

    state: whether a memory is kept.
    """

    numbers: Tensor
    constants: dict[str, str | int | bool]

    @property
    def state(self) -> bool:
        """Whether the loss follows the state of training."""
        return bool(self.constants["STATE"])


def program_of(losses: StackedLoss, classes: int, device: str) -> LossProgram:
    """The program and the numbers, on a device, of some losses for tasks of C classes.

    Raises ValueError where there is none."""
    if isinstance(losses, NetworkLoss | ResidualLoss | GateLoss):
        program = _network(losses, classes)
    elif isinstance(losses, AdaptiveLoss):
        program = _adaptive(losses)
    else:
        program = _hand_made(losses)
    return program._replace(numbers=program.numbers.to(device, torch.float32).contiguous())


def _hand_made(losses: StackedLoss) -> LossProgram:
    reason = loss_obstacle(losses.kind)
    if reason is not None:
        raise ValueError(reason)
    numbers = torch.zeros(len(losses), ROWS_AT)
    if isinstance(losses, OneParameter):
        numbers[:, 0] = losses.parameter
    if isinstance(losses, SymmetricCrossEntropy):
        numbers[:, 1] = -losses.beta * losses.log_zero
    return LossProgram(numbers, _constants(losses.kind))


def _network(losses: NetworkLoss | ResidualLoss | GateLoss, classes: int) -> LossProgram:
    net = losses if isinstance(losses, NetworkLoss) else losses.net
    spec = net.spec
    reason = loss_obstacle(spec)
    if reason is not None:
        raise ValueError(reason)
    members, hidden = len(losses), spec.hidden
    numbers = net.v.new_zeros(members, UNITS_AT + UNIT * hidden, dtype=torch.float64)
    units = numbers[:, UNITS_AT:].view(members, hidden, UNIT)
    has_log_p = spec.features == "logp,p,y"
    inputs = net.weights[0][:, :hidden].double()  # [P, H, inputs]
    units[..., 0 if has_log_p else 1 : 3] = inputs
    units[..., 3] = net.biases[0][:, :hidden, 0]
    units[..., 6] = net.v[:, :hidden]
    factor = net.scale.double() * net.v[:, :hidden].double() / classes
    units[..., 4] = factor * units[..., 0]
    units[..., 5] = factor * units[..., 1]
    if spec.state:
        weight = net.state_weight[:, :hidden].double()
        for column, name in enumerate(spec.state):
            units[..., 7 + STATE_FEATURES.index(name)] = weight[..., column]
    numbers[:, 0] = net.c[:, 0]
    kind = "network"
    if not isinstance(losses, NetworkLoss):
        kind = "residual"
        numbers[:, 1] = losses.scale[:, 0, 0]
    if isinstance(losses, GateLoss):
        kind = "gate"
        _put_rows(numbers, spec, losses.weight[:, :2], losses.constant[:, :2])
    return LossProgram(
        numbers,
        _constants(
            kind,
            HIDDEN=hidden,
            ACTIVATION=spec.activation,
            LOG_P=has_log_p,
            SOFTPLUS=net.softplus,
            # The gate's logit adjustment needs the running class frequencies in any case.
            STATE=bool(spec.state) or kind == "gate",
        ),
    )


def _adaptive(losses: AdaptiveLoss) -> LossProgram:
    spec, count = losses.spec, len(EXPONENTS)
    numbers = losses.scale.new_zeros(len(losses), UNITS_AT)
    numbers[:, 1] = losses.scale[:, 0, 0]
    numbers[:, 2 : 2 + count] = losses.largest[..., 0]
    weight = losses.weight[:, :count] if spec.state else None
    _put_rows(numbers, spec, weight, losses.constant[:, :count])
    return LossProgram(numbers, _constants("adaptive", STATE=True))


def _put_rows(numbers: Tensor, spec: LossSpec, weight: Tensor | None, bias: Tensor) -> None:
    """Linear functions of the state: weight [P, R, S], None without a state; bias [P, R, 1]."""
    for row in range(bias.shape[1]):
        at = ROWS_AT + ROW * row
        for column, name in enumerate(spec.state):
            assert weight is not None
            numbers[:, at + STATE_FEATURES.index(name)] = weight[:, row, column]
        numbers[:, at + STATE_SIZE] = bias[:, row, 0]


def _constants(kind: str, **others: str | int | bool) -> dict[str, str | int | bool]:
    plain: dict[str, str | int | bool] = {
        "HIDDEN": 1,
        "ACTIVATION": "tanh",
        "LOG_P": False,
        "SOFTPLUS": False,
        "STATE": False,
    }
    return {**plain, **others, "KIND": kind}
