"""What a step of MetaLoss costs beside CrossEntropyLoss: forward and backward, on one thread.

`python -m measurements.criterion_step`, half a minute. The losses take turns, so that whatever else
the machine does falls on all of them alike; medians in microseconds, and times CrossEntropyLoss.
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
ROUNDS, IN_A_ROW = 150, 10


def main() -> None:
    """Print a line for each shape of logits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    device = parser.parse_args().device
    torch.set_num_threads(1)
    for examples, classes in SHAPES:
        torch.manual_seed(0)
        z = torch.randn(examples, classes, device=device, requires_grad=True)
        target = torch.randint(classes, (examples,), device=device)
        losses: dict[str, nn.Module] = {
            "CrossEntropyLoss": nn.CrossEntropyLoss(),
            "MetaLoss()": MetaLoss(),
            "adaptive": MetaLoss.from_pretrained("adaptive", total_steps=100_000),
            "gate": MetaLoss(LossSpec(head="gate", state=("accuracy",))),
        }
        seconds = _interleaved({name: loss.to(device) for name, loss in losses.items()}, z, target)
        base = seconds["CrossEntropyLoss"]
        each = (f"{name} {s * 1e6:.0f} us ({s / base:.1f}x)" for name, s in seconds.items())
        print(f"{examples} x {classes}: {', '.join(each)}")


def _interleaved(losses: dict[str, nn.Module], z: Tensor, target: Tensor) -> dict[str, float]:
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
