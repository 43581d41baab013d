"""A learner of one's own: any torch.nn.Module from features [B, D] to logits [B, C]."""

from torch import Tensor, nn

from bench import LearnerEntry


class ResidualMLP(nn.Module):
    """Two residual blocks; group norm, for minibatches of any size."""

    def __init__(self, features: int, classes: int, **_shape: object) -> None:
        super().__init__()  # `image`, (channels, height, width) or None, is given as well
        self.into = nn.Linear(features, 32)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.GroupNorm(4, 32), nn.ReLU(), nn.Linear(32, 32)) for _ in range(2)
        )
        self.out = nn.Linear(32, classes)

    def forward(self, x: Tensor) -> Tensor:
        h = self.into(x)
        for block in self.blocks:
            h = h + block(h)
        return self.out(h.relu())


LEARNERS = [LearnerEntry("residual", "perceptron with two residual blocks", factory=ResidualMLP)]
