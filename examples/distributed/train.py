"""A learned loss under DistributedDataParallel: some processes on one machine, by gloo.

    python examples/distributed/train.py --processes 2

Each process trains on its share of every minibatch of scikit-learn's digits. A loss that follows
the state of training sees its own share alone: after each step the processes average what the loss
remembers, so that the state is that of the whole minibatch, as the gradient is.
"""

import argparse
import json
import tempfile
from pathlib import Path

import torch
import torch.distributed as dist
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from mln import MetaLoss

BATCH, RATE = 64, 0.2


def average_memory(loss: MetaLoss) -> None:
    """Give all processes' losses one state of training: the mean of theirs."""
    dist.all_reduce(loss.memory)
    loss.memory /= dist.get_world_size()


def train(rank: int, processes: int, steps: int, folder: str) -> None:
    """One process; the first one writes what came of it."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"file://{folder}/meet", rank=rank, world_size=processes)
    x, y = (torch.tensor(part) for part in load_digits(return_X_y=True))
    x = x.float() / 16
    torch.manual_seed(0)  # the same weights everywhere
    module = nn.Sequential(nn.Linear(64, 32), nn.LayerNorm(32), nn.ReLU(), nn.Linear(32, 10))
    model = DistributedDataParallel(module)
    loss = MetaLoss.from_pretrained("adaptive", total_steps=steps)
    optimizer = torch.optim.SGD(model.parameters(), RATE)
    order = torch.Generator().manual_seed(1)
    for _ in range(steps):
        batch = torch.randint(1200, (BATCH,), generator=order)
        own = batch[rank::processes]  # shares of one size: the mean of their means is the mean
        optimizer.zero_grad()
        loss(model(x[own]), y[own]).backward()
        optimizer.step()
        average_memory(loss)
    weights = nn.utils.parameters_to_vector(module.parameters()).detach()
    state = torch.cat([weights, loss.memory.flatten()])
    everywhere = [torch.empty_like(state) for _ in range(processes)]
    dist.all_gather(everywhere, state)
    accuracy = (module(x[1200:]).argmax(1) == y[1200:]).float().mean().item()
    if rank == 0:
        apart = max((other - state).abs().max().item() for other in everywhere)
        memory = loss.memory.flatten().tolist()
        found = {"accuracy": accuracy, "apart": apart, "memory": memory}
        Path(folder, "found.json").write_text(json.dumps(found))
    dist.destroy_process_group()


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description="A learned loss, trained by several processes.")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--steps", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(  # type: ignore[no-untyped-call]
            train, (options.processes, options.steps, folder), nprocs=options.processes
        )
        print(Path(folder, "found.json").read_text())


if __name__ == "__main__":
    main()
