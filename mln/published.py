"""Networks that papers report, as torch modules: `LearnerSpec(kind="module")` names them.

Each is called with features, classes and image (channels, height, width), and maps rows of a
picture's numbers [B, D] to logits [B, C].
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

Image = tuple[int, int, int]


class Block(nn.Module):
    """Two 3 x 3 convolutions with batch norm, and a shortcut without weights: where the maps
    shrink, every second pixel, and zeros for the channels that are new (option A)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.stride, self.added = stride, outputs - inputs
        self.first = convolution(inputs, outputs, stride)
        self.first_norm = nn.BatchNorm2d(outputs)
        self.second = convolution(outputs, outputs, 1)
        self.second_norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        h = self.first_norm(self.first(x)).relu()
        h = self.second_norm(self.second(h))
        if self.stride > 1 or self.added:
            x = x[:, :, :: self.stride, :: self.stride]
            x = pad(x, (0, 0, 0, 0, self.added // 2, self.added - self.added // 2))
        out: Tensor = (h + x).relu()
        return out


class ResNet(nn.Module):
    """The residual network for CIFAR (He et al. 2016, section 4.2): 6n + 2 layers of 16, 32 and 64
    maps, global average pooling, and one linear layer."""

    def __init__(self, blocks: int, classes: int, image: Image) -> None:
        super().__init__()
        self.image = image
        self.first = convolution(image[0], 16, 1)
        self.norm = nn.BatchNorm2d(16)
        widths = [16] + [width for width in (16, 32, 64) for _ in range(blocks)]
        self.blocks = nn.Sequential(*(Block(a, b, 1 if a == b else 2) for a, b in pairwise(widths)))
        self.out = nn.Linear(64, classes)
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(self.first(x.view(-1, *self.image))).relu()
        z: Tensor = self.out(self.blocks(h).mean((2, 3)))
        return z


def convolution(inputs: int, outputs: int, stride: int) -> nn.Conv2d:
    """3 x 3, padded, without a bias: batch norm follows."""
    return nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)


def resnet8(classes: int, image: Image | None, **_features: object) -> nn.Module:
    """One block for each width: n = 1."""
    return ResNet(1, classes, _pictures(image, 4))


def resnet20(classes: int, image: Image | None, **_features: object) -> nn.Module:
    """Three blocks for each width: n = 3; 0.27 M parameters on CIFAR-10."""
    return ResNet(3, classes, _pictures(image, 4))


def all_cnn_c(classes: int, image: Image | None, **_features: object) -> nn.Module:
    """All-CNN-C (Springenberg et al. 2015, table 1): convolutions alone, dropout on the input and
    after each of those with stride 2; 1.4 M parameters on CIFAR-10."""
    image = _pictures(image, 9)
    layers: list[nn.Module] = [nn.Unflatten(1, image), nn.Dropout(0.2)]
    inputs = image[0]
    for outputs, kernel, stride, padding in (
        (96, 3, 1, 1),
        (96, 3, 1, 1),
        (96, 3, 2, 1),
        (192, 3, 1, 1),
        (192, 3, 1, 1),
        (192, 3, 2, 1),
        (192, 3, 1, 0),
        (192, 1, 1, 0),
        (classes, 1, 1, 0),
    ):
        layers += [nn.Conv2d(inputs, outputs, kernel, stride, padding), nn.ReLU()]
        layers += [nn.Dropout(0.5)] if stride == 2 else []
        inputs = outputs
    # No ReLU after the last layer: its maps are the logits'.
    return nn.Sequential(*layers[:-1], Average())


class Average(nn.Module):
    """The mean of each map [B, C, H, W]."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.mean(x, (2, 3))


def wide_mlp(features: int, classes: int, **_image: object) -> nn.Module:
    """Two hidden layers of 1,024 ReLU units with batch norm (Ioffe and Szegedy 2015), of any
    features."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise((features, 1024, 1024)):
        layers += [nn.Linear(inputs, outputs, bias=False), nn.BatchNorm1d(outputs), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(1024, classes))


def _pictures(image: Image | None, smallest: int) -> Image:
    if image is None:
        raise ValueError("needs pictures: this task has none")
    if min(image[1:]) < smallest:
        raise ValueError(f"needs pictures of at least {smallest} x {smallest} pixels")
    return image
