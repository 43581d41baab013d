"""The designs in plain torch that published code uses: a loop over learners, and torch.func."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn.functional import log_softmax
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from bench.speed.cases import SPLIT, TIMED_LOSS, Workload, inputs, learner_plan
from mln.config import TrainingSpec
from mln.criterion import MetaLoss
from mln.layout import layout
from mln.losses.network import LOG_FLOOR
from mln.problem import Problem

Run = Callable[[], NDArray[np.float32]]


class Batches(NamedTuple):
    """The minibatches of the only slot: examples [M, D], rows [T, B], one-hot targets [T, B, C]."""

    pool: Tensor
    rows: Tensor
    targets: Tensor


def network(problem: Problem) -> nn.Sequential:
    """The learner as one module, [B, D] to logits [B, C]."""
    layers = learner_plan(problem)
    modules: list[nn.Module] = []
    if layers.convolutions and problem.image is not None:
        modules.append(nn.Unflatten(1, problem.image))
    for conv in layers.convolutions:
        modules.append(nn.Conv2d(conv.inputs, conv.outputs, conv.kernel, padding=conv.padding))
        modules.append(nn.ReLU())
        if conv.pool:
            modules.append(nn.MaxPool2d(2))
    modules.append(nn.Flatten())
    for linear in layers.linear:
        modules += [nn.Linear(linear.inputs, linear.outputs), nn.ReLU()]
    return nn.Sequential(*modules[:-1])


def meta_loss(z: Tensor, y: Tensor, genome: dict[str, Tensor]) -> Tensor:
    """Mean loss of logits [B, C] and one-hot targets [B, C] under one genome."""
    log_p = log_softmax(z, 1).clamp_min(LOG_FLOOR)
    features = torch.stack([log_p, log_p.exp(), y], -1)
    hidden = torch.tanh(features @ genome["inputs"] + genome["bias_0"])
    return (hidden @ genome["output"] + genome["constant"]).mean()


def naive(work: Workload) -> Run:
    """One nn.Module, criterion and torch.optim optimiser per member, one after another."""
    problem, members = work.problem, work.members
    data, start = _batches(problem), torch.from_numpy(problem.initial)[members.slot]

    def run() -> NDArray[np.float32]:
        final = []
        for member, lr in enumerate(members.lr):
            criterion = _criterion(work, member)
            net = network(problem)
            vector_to_parameters(start[member].clone(), net.parameters())
            optimizer = make_optimizer(problem.training, net.parameters(), float(lr))
            for rows, y in zip(data.rows, data.targets, strict=True):
                optimizer.zero_grad()
                loss = criterion(net(data.pool[rows]), y)
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            final.append(parameters_to_vector(net.parameters()).detach())
        return torch.stack(final).numpy()

    return run


def _criterion(work: Workload, member: int) -> Callable[[Tensor, Tensor], Tensor]:
    """A member's loss; of one that follows the state of training the suite's own criterion."""
    genome = torch.from_numpy(work.genomes[member])
    if work.loss.state:
        return MetaLoss(work.loss, genome, total_steps=work.problem.training.steps)
    own = {name: part[0] for name, part in layout(work.loss).split(genome[None]).items()}
    return partial(meta_loss, genome=own)


def vmapped(work: Workload, device: str = "cpu") -> Run:
    """vmap(grad) over stacked parameters, and one optimiser on the stacked parameters."""
    problem, members = work.problem, work.members
    data, net = _batches(problem), network(work.problem).to(device)
    data = Batches(*(part.to(device) for part in data))
    start = torch.from_numpy(problem.initial)[members.slot].to(device)
    genomes = layout(TIMED_LOSS).split(torch.from_numpy(work.genomes).to(device))

    def loss(
        parameters: dict[str, Tensor], genome: dict[str, Tensor], x: Tensor, y: Tensor
    ) -> Tensor:
        return meta_loss(functional_call(net, parameters, (x,)), y, genome)

    gradients = vmap(grad(loss), in_dims=(0, 0, None, None))

    def run() -> NDArray[np.float32]:
        stacked = _stacked(net, start)
        optimizer = make_optimizer(problem.training, stacked.values(), float(members.lr[0]))
        for rows, y in zip(data.rows, data.targets, strict=True):
            slopes = gradients(stacked, genomes, data.pool[rows], y)
            for name, part in stacked.items():
                part.grad = slopes[name]
            optimizer.step()
        return torch.cat([part.flatten(1) for part in stacked.values()], 1).cpu().numpy()

    return run


def make_optimizer(
    training: TrainingSpec, parameters: Iterable[Tensor], lr: float
) -> torch.optim.Optimizer:
    """torch's own optimiser of a training."""
    if training.optimizer == "adam":
        return torch.optim.Adam(parameters, lr)
    return torch.optim.SGD(parameters, lr, momentum=training.momentum)


def accuracy(problem: Problem, weights: NDArray[np.float32]) -> NDArray[np.float64]:
    """Share of the held-out examples that learners with weights [P, W] classify right, [P]."""
    held_out, net = problem.phase(SPLIT, 0), network(problem)
    x, y = torch.from_numpy(inputs(problem))[held_out.rows[0]], torch.from_numpy(held_out.y[0])
    with torch.no_grad():
        logits = vmap(lambda own: functional_call(net, own, (x,)))(
            _stacked(net, torch.from_numpy(weights))
        )
        shares: NDArray[np.float64] = (logits.argmax(2) == y).double().mean(1).numpy()
    return shares


def _stacked(net: nn.Module, rows: Tensor) -> dict[str, Tensor]:
    """Each parameter of a network [P, ...] from one row of weights per learner [P, W]."""
    shapes = {name: value.shape for name, value in net.named_parameters()}
    parts = torch.split(rows, [shape.numel() for shape in shapes.values()], 1)
    return {
        name: part.reshape(len(rows), *shape).clone()
        for (name, shape), part in zip(shapes.items(), parts, strict=True)
    }


def _batches(problem: Problem) -> Batches:
    rows, labels = torch.from_numpy(problem.batch_index[0]), torch.from_numpy(problem.batch_y[0])
    targets = torch.eye(problem.classes)[labels]
    return Batches(torch.from_numpy(inputs(problem)), rows, targets)
