"""An evolved loss in a plain torch loop: a small CNN on Fashion-MNIST with 40 % wrong labels.

Nothing of the suite is used but `MetaLoss`. For each seed the pictures, the wrong labels, the
initial weights and the minibatches are the same under both losses; each loss takes the best of
five learning rates by the accuracy on a validation split, whose labels are as wrong as those of
training. The test split is clean. It printed (README.md has all lines):

    adaptive minus ce: +2.26 points of test accuracy, 95 % interval [+0.54, +3.98], 5 paired
    seeds, better in 5
"""

import argparse
import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from scipy.stats import t
from torch import Tensor, nn

from mln import MetaLoss

RATES = (0.0003, 0.001, 0.003, 0.01, 0.03)
CLASSES, BATCH = 10, 32
VALIDATION = 0.25
"""Share of the pictures that learning rates are chosen by."""

Criterion = Callable[[Tensor, Tensor], Tensor]
LOSSES = ("ce", "adaptive")


def criterion(loss: str, steps: int) -> Criterion:
    """The loss of a training of `steps` steps."""
    if loss == "ce":
        return nn.CrossEntropyLoss()
    return MetaLoss.from_pretrained(loss, total_steps=steps)


class Split(NamedTuple):
    """Pictures [N, 1, 28, 28] in 0 to 1, and labels [N]."""

    x: Tensor
    y: Tensor


def read_idx(folder: Path, name: str) -> Tensor:
    """The bytes of an IDX file, packed or not, in its shape."""
    path = folder / name
    packed = folder / f"{name}.gz"
    if not path.exists() and not packed.exists():
        raise SystemExit(f"{path}: no such file; give the folder of FashionMNIST with --data")
    raw = path.read_bytes() if path.exists() else gzip.decompress(packed.read_bytes())
    shape = np.frombuffer(raw, ">i4", raw[3], offset=4)
    values = np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(shape)
    return torch.from_numpy(values.copy())


def read(folder: Path, part: str) -> Split:
    """The official training ("train") or test ("t10k") split."""
    pictures = read_idx(folder, f"{part}-images-idx3-ubyte")
    labels = read_idx(folder, f"{part}-labels-idx1-ubyte")
    return Split(pictures[:, None].float() / 255, labels.long())


def drawn(full: Split, pictures: int, noise: float, seed: int) -> tuple[Split, Split]:
    """A training and a validation split of `pictures` together; `noise`: the share of wrong labels,
    any other class alike."""
    rng = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(len(full.y), generator=rng)[:pictures]
    x, y = full.x[chosen], full.y[chosen]
    wrong = torch.rand(len(y), generator=rng) < noise
    other = (y + torch.randint(1, CLASSES, (len(y),), generator=rng)) % CLASSES
    y = torch.where(wrong, other, y)
    inner = int(VALIDATION * len(y))
    return Split(x[inner:], y[inner:]), Split(x[:inner], y[:inner])


def network() -> nn.Module:
    """Two convolutions and a hidden layer."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, CLASSES),
    )  # fmt: skip


def trained(train: Split, loss: str, lr: float, seed: int, steps: int) -> nn.Module:
    """A network after `steps` steps of Adam."""
    torch.manual_seed(seed)  # the initial weights
    rng = torch.Generator().manual_seed(seed)  # the minibatches
    model, value = network(), criterion(loss, steps)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    for _ in range(steps):
        batch = torch.randint(len(train.y), (BATCH,), generator=rng)
        optimizer.zero_grad()
        value(model(train.x[batch]), train.y[batch]).backward()
        optimizer.step()
    return model


@torch.no_grad()
def accuracy(model: nn.Module, split: Split) -> float:
    """Share of right answers, in percent."""
    right = [
        (model(x).argmax(1) == y)
        for x, y in zip(split.x.split(500), split.y.split(500), strict=True)
    ]
    return 100 * torch.cat(right).double().mean().item()


def tuned(loss: str, train: Split, valid: Split, test: Split, seed: int, steps: int) -> float:
    """The test accuracy at the learning rate that is best on the validation split."""
    best, result, rate = -1.0, 0.0, RATES[0]
    for lr in RATES:
        model = trained(train, loss, lr, seed, steps)
        inner = accuracy(model, valid)
        if inner > best:
            best, result, rate = inner, accuracy(model, test), lr
    print(f"seed {seed}  {loss:9} rate {rate:<7g} test accuracy {result:.2f} %", flush=True)
    return result


def main() -> None:
    """Train what the options ask for, and print the paired difference."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    home = Path(os.environ.get("MLN_DATA_ROOT", "data")) / "FashionMNIST" / "raw"
    parser.add_argument("--data", type=Path, default=home, help="folder of the IDX files")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--pictures", type=int, default=4000)
    parser.add_argument("--noise", type=float, default=0.4, help="share of wrong labels")
    options = parser.parse_args()
    if options.seeds < 2 or options.steps < 1 or options.pictures < 8:
        parser.error("a paired interval takes 2 seeds, a training 1 step, both splits 8 pictures")
    if not 0 <= options.noise < 1:
        parser.error("--noise is a share: from 0 to below 1")
    torch.set_num_threads(1)
    full, test = read(options.data, "train"), read(options.data, "t10k")
    results: dict[str, list[float]] = {loss: [] for loss in LOSSES}
    for seed in range(options.seeds):
        train, valid = drawn(full, options.pictures, options.noise, seed)
        for loss in LOSSES:
            results[loss].append(tuned(loss, train, valid, test, seed, options.steps))
    gain = np.subtract(results["adaptive"], results["ce"])
    n = len(gain)
    half = float(t.ppf(0.975, n - 1) * gain.std(ddof=1) / np.sqrt(n))
    print(
        f"adaptive minus ce: {gain.mean():+.2f} points of test accuracy, "
        f"95 % interval [{gain.mean() - half:+.2f}, {gain.mean() + half:+.2f}], "
        f"{n} paired seeds, better in {int((gain > 0).sum())}"
    )


if __name__ == "__main__":
    main()
