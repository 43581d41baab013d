"""The register of learners: presets by name, and the user's own networks. Imports no torch."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from bench.register import Register, module_digest
from mln.config import LearnerSpec

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class LearnerEntry:
    """A learner with a name.

    spec: what it is; or factory: a function or class, at the top of its file, that is called with
    features, classes and image and returns a torch.nn.Module from [B, D] to logits [B, C].
    """

    name: str
    description: str
    spec: LearnerSpec | None = None
    factory: "Callable[..., nn.Module] | None" = None

    def __post_init__(self) -> None:
        if (self.spec is None) == (self.factory is None):
            raise ValueError(f"learner {self.name}: give a spec or a factory")

    def resolved(self) -> LearnerSpec:
        """The specification that an experiment holds in place of the name."""
        if self.spec is not None:
            return self.spec
        place: Any = self.factory
        return LearnerSpec(
            hidden=(), kind="module", module=f"{place.__module__}:{place.__qualname__}"
        )


def _published(name: str, description: str) -> LearnerEntry:
    return LearnerEntry(
        name, description, LearnerSpec(hidden=(), kind="module", module=f"mln.published:{name}")
    )


LEARNERS = Register(
    "learners",
    "learner",
    (
        LearnerEntry("logistic", "logistic regression: no hidden layer", LearnerSpec(hidden=())),
        LearnerEntry("mlp", "perceptron with one hidden layer of 32 ReLU units", LearnerSpec()),
        LearnerEntry(
            "mlp_64_64",
            "perceptron with two hidden layers of 64 ReLU units",
            LearnerSpec(hidden=(64, 64)),
        ),
        LearnerEntry(
            "lenet",
            "LeNet-like (LeCun et al. 1998): two 5 x 5 convolutions, padded for pictures from 8 "
            "to 64 pixels",
            LearnerSpec((120, 84), "cnn", (6, 16), kernel=5, padding=2),
        ),
        LearnerEntry(
            "vgg_small",
            "VGG-like (Simonyan and Zisserman 2015): three blocks of two 3 x 3 convolutions",
            LearnerSpec((64,), "cnn", (16, 32, 64), kernel=3, padding=1, per_block=2),
        ),
        LearnerEntry(
            "cnn_small",
            "two 3 x 3 convolutions of 8 and 16 channels, for quick experiments",
            LearnerSpec((32,), "cnn", (8, 16), kernel=3, padding=1),
        ),
        _published(
            "resnet8", "residual net for CIFAR (He et al. 2016), n = 1: 75,290 parameters there"
        ),
        _published(
            "resnet20",
            "residual net for CIFAR (He et al. 2016), n = 3: 0.27 M parameters there",
        ),
        _published(
            "all_cnn_c",
            "All-CNN-C (Springenberg et al. 2015): convolutions and dropout, 1.4 M parameters on "
            "CIFAR-10",
        ),
        _published(
            "wide_mlp", "perceptron with two hidden layers of 1,024 ReLU units and batch norm"
        ),
    ),
)
"""All learners by name, plug-ins' included."""


def learner(name: str) -> LearnerSpec:
    """The learner of this name. Raises InputError for one that is not registered."""
    return LEARNERS.get(name).resolved()


def learner_identity(spec: LearnerSpec) -> dict[str, Any]:
    """What a result's key holds of a learner: a module's source is part of it."""
    own = {"source": module_digest(spec.module.partition(":")[0])} if spec.module else {}
    return asdict(spec) | own
