"""Three losses on scikit-learn's digits in a plain torch loop, and their results as one CSV.

Nothing here knows MLN-Bench: any code that writes such rows will do. What makes the rows pairs is
in `run`: a seed fixes the split, the initial weights and the minibatches, whatever the loss.
"""

import argparse
import csv
from collections.abc import Callable

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional

RATES = (0.01, 0.03, 0.1, 0.3)
NOISE = {"digits": 0.0, "digits_noisy": 0.4}


def squared_error(logits: Tensor, labels: Tensor) -> Tensor:
    """Brier's score: the squared error of the probabilities."""
    return ((logits.softmax(1) - functional.one_hot(labels, 10)) ** 2).sum(1).mean()


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "ce": nn.CrossEntropyLoss(),
    "mse": squared_error,
    "label_smoothing": nn.CrossEntropyLoss(label_smoothing=0.1),
}


IMAGES, LABELS = load_digits(return_X_y=True)


def run(task: str, loss: str, seed: int, lr: float, steps: int) -> tuple[str, float, float]:
    """Status, accuracy on the validation split and accuracy on the test split of one learner."""
    rng = torch.Generator().manual_seed(seed)
    x, y = torch.tensor(IMAGES, dtype=torch.float32) / 16, torch.tensor(LABELS)
    order = torch.randperm(len(y), generator=rng)
    train, valid, test = order[:500], order[500:900], order[900:]
    shown = y.clone()  # the labels that training sees
    wrong = train[torch.rand(len(train), generator=rng) < NOISE[task]]
    shown[wrong] = torch.randint(10, (len(wrong),), generator=rng)

    torch.manual_seed(seed)  # the initial weights
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    for _ in range(steps):
        batch = train[torch.randint(len(train), (32,), generator=rng)]
        optimizer.zero_grad()
        value = LOSSES[loss](model(x[batch]), shown[batch])
        if not value.isfinite():
            return "diverged", 0.0, 0.0
        value.backward()
        optimizer.step()
    with torch.no_grad():
        right = model(x).argmax(1) == y
    return "done", right[valid].float().mean().item(), right[test].float().mean().item()


def main() -> None:
    """Train everything that the options ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--out", default="results.csv")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with open(options.out, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["task", "learner", "loss", "seed", "lr", "status", "inner", "accuracy"])
        for task in NOISE:
            for loss in LOSSES:
                for seed in range(options.seeds):
                    for lr in RATES:
                        status, inner, accuracy = run(task, loss, seed, lr, options.steps)
                        row = [task, "mlp_32", loss, seed, lr, status]
                        writer.writerow([*row, f"{inner:.4f}", f"{accuracy:.4f}"])


if __name__ == "__main__":
    main()
