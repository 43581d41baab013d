"""What a step of MetaLoss costs beside CrossEntropyLoss: forward and backward, on one thread.

`python -m measurements.criterion_step`, a minute. The losses take turns, so that whatever else the
machine does falls on all of them alike; medians in microseconds, and times CrossEntropyLoss's.
`--compile` measures them under torch.compile, beside a CrossEntropyLoss that is compiled too.
"""

import argparse
from collections.abc import Callable
from itertools import chain
from statistics import median
from time import perf_counter

import torch
from torch import Tensor, nn

from mln import LossSpec, MetaLoss

SHAPES = ((512, 10), (512, 100), (64, 10))
ROUNDS, IN_A_ROW = 100, 10


Criterion = Callable[[Tensor, Tensor], Tensor]


def losses_of(classes: int) -> dict[str, nn.Module]:
    """One of each kind and head."""
    state = ("accuracy",)
    return {
        "CrossEntropyLoss": nn.CrossEntropyLoss(),
        "MetaLoss()": MetaLoss(),
        "softplus": MetaLoss(LossSpec(head="softplus")),
        "residual": MetaLoss(LossSpec(head="residual")),
        "vector": MetaLoss(LossSpec(scope="vector", classes=classes)),
        "taylor": MetaLoss(LossSpec(kind="taylor")),
        "constant": MetaLoss.from_pretrained("constant"),
        "adaptive": MetaLoss.from_pretrained("adaptive", total_steps=100_000),
        "with a state": MetaLoss(LossSpec(state=state)),
        "gate": MetaLoss(LossSpec(head="gate", state=state)),
    }


def main() -> None:
    """Print a table for each shape of logits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--shapes", type=int, default=len(SHAPES), help="how many of them")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for examples, classes in SHAPES[: options.shapes]:
        torch.manual_seed(0)
        z = torch.randn(examples, classes, device=options.device, requires_grad=True)
        target = torch.randint(classes, (examples,), device=options.device)
        losses: dict[str, Criterion] = {
            name: loss.to(options.device) for name, loss in losses_of(classes).items()
        }
        if options.compile:
            losses = {name: torch.compile(loss) for name, loss in losses.items()}
        for loss in losses.values():
            for _ in range(5):
                loss(z, target).backward()
        seconds = _interleaved(losses, z, target)
        base = seconds["CrossEntropyLoss"]
        print(f"{examples} x {classes}")
        for name, s in seconds.items():
            print(f"  {name:<18} {s * 1e6:6.0f} us  {s / base:5.2f}x")


def _interleaved(losses: dict[str, Criterion], z: Tensor, target: Tensor) -> dict[str, float]:
    wait: Callable[[], None] = torch.cuda.synchronize if z.is_cuda else lambda: None
    times: dict[str, list[float]] = {name: [] for name in losses}
    for name, loss in chain.from_iterable(losses.items() for _ in range(ROUNDS)):
        for _ in range(IN_A_ROW):
            start = perf_counter()
            z.grad = None
            loss(z, target).backward()
            wait()
            times[name].append(perf_counter() - start)
    return {name: median(values) for name, values in times.items()}


if __name__ == "__main__":
    main()
