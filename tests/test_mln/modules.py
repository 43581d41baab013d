"""Networks with what networks have: norms, dropout, buffers, noise; small, for the tests."""

import torch
from torch import Tensor, nn


def normed(features: int, classes: int, image: object) -> nn.Module:
    """Batch norm, dropout, layer norm and group norm."""
    return nn.Sequential(
        nn.Linear(features, 12),
        nn.BatchNorm1d(12),
        nn.ReLU(),
        nn.Dropout(0.4),
        nn.Linear(12, 8),
        nn.LayerNorm(8),
        nn.GroupNorm(2, 8),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(8, classes),
    )


def batch_normed(features: int, classes: int, image: object) -> nn.Module:
    """Batch norm and nothing random; its running mean is a plain one, which counts batches."""
    return nn.Sequential(
        nn.Linear(features, 12),
        nn.BatchNorm1d(12, momentum=None),
        nn.ReLU(),
        nn.Linear(12, 8),
        nn.BatchNorm1d(8),
        nn.Linear(8, classes),
    )


class Noisy(nn.Module):
    """Noise that is no dropout, and a buffer that another tensor takes the place of."""

    count: Tensor

    def __init__(self, features: int, classes: int, image: object) -> None:
        super().__init__()
        self.out = nn.Linear(features, classes)
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.count = self.count + 1
            x = x + torch.randn_like(x)
        return self.out(x)


class Branching(nn.Module):
    """What no vmap can do: it looks at a number."""

    def __init__(self, features: int, classes: int, image: object) -> None:
        super().__init__()
        self.out = nn.Linear(features, classes)

    def forward(self, x: Tensor) -> Tensor:
        z: Tensor = self.out(x)
        return z if float(z.sum()) > 0 else 2 * z


class Counting(nn.Module):
    """A buffer that float32 cannot hold."""

    def __init__(self, features: int, classes: int, image: object) -> None:
        super().__init__()
        self.out = nn.Linear(features, classes)
        self.register_buffer("places", torch.tensor([2**24 + 1]))


class Unpaired(nn.Module):
    """Noise of a generator of its own, which goes on from one learner to the next."""

    def __init__(self, features: int, classes: int, image: object) -> None:
        super().__init__()
        self.out = nn.Linear(features, classes)
        self.generator = torch.Generator().manual_seed(1)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            x = x + torch.randn(x.shape, generator=self.generator)
        return self.out(x)


class Mixing(nn.Module):
    """Batch norm that takes a minibatch's own moments, used or trained."""

    def __init__(self, features: int, classes: int, image: object) -> None:
        super().__init__()
        self.out = nn.Linear(features, classes)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.batch_norm(self.out(x), None, None, training=True)


class Tracing(nn.Module):
    """A buffer that an evaluation changes."""

    seen: Tensor

    def __init__(self, features: int, classes: int, image: object) -> None:
        super().__init__()
        self.out = nn.Linear(features, classes)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.seen += len(x)
        return self.out(x)
