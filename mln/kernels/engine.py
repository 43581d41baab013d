"""The engine: which kernel trains what.

Importing it imports no torch, so that a result's key can name its kernel before anything runs.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Literal, get_args

from mln.config import LearnerSpec, LossSpec
from mln.kernels.gpu import interface as gpu
from mln.kernels.native import interface as native

if TYPE_CHECKING:
    from mln.losses.base import StackedLoss
    from mln.problem import Problem
    from mln.rollout import Kernel, Members, RolloutOptions, RolloutResult

KernelName = Literal["fused", "triton", "analytic", "reference"]
KernelChoice = Literal["auto", "fused", "triton", "analytic", "reference"]
KERNELS: tuple[KernelName, ...] = get_args(KernelName)
"""The fastest first: `fused` on the CPU, `triton` on a CUDA device."""


def obstacle(
    kernel: KernelName,
    learner: LearnerSpec,
    loss: LossSpec | str,
    device: str,
    augmented: bool = False,
) -> str | None:
    """Why a kernel cannot train these learners under a loss on this device, or None.

    loss: the specification of a learned loss, or the kind of a hand-made one; augmented: whether
    minibatches are changed before a learner sees them.
    """
    if augmented and kernel in ("fused", "triton"):
        return f"the {kernel} kernel takes examples as they are, without augmentation"
    if kernel == "fused":
        return native.obstacle(learner, loss, device)
    if kernel == "triton":
        return gpu.obstacle(learner, loss, device)
    if kernel == "analytic" and learner.kind != "mlp":
        return f"the analytic kernel trains perceptrons alone, not learners of kind {learner.kind}"
    return None


class CannotTrain(ValueError):
    """The kernel that was asked for cannot train a learner, or not under this loss or here."""


def choose(
    learner: LearnerSpec,
    loss: LossSpec | str,
    device: str,
    wanted: KernelChoice = "auto",
    augmented: bool = False,
) -> KernelName:
    """The fastest kernel that can; see `obstacle`. Raises CannotTrain where `wanted` cannot."""
    if wanted != "auto":
        reason = obstacle(wanted, learner, loss, device, augmented)
        if reason is not None:
            raise CannotTrain(f"kernel {wanted}: {reason}")
        return wanted
    return next(
        kernel for kernel in KERNELS if obstacle(kernel, learner, loss, device, augmented) is None
    )


def get(name: KernelName) -> "Kernel":
    """The kernel of this name; it is imported now."""
    kernel: Kernel = import_module(f"mln.kernels.{name}").rollout
    return kernel


def rollout(
    problem: "Problem",
    members: "Members",
    losses: "StackedLoss",
    points: Sequence[int],
    options: "RolloutOptions | None" = None,
    kernel: KernelChoice = "auto",
) -> "RolloutResult":
    """Train members with the fastest kernel that can, or with `kernel`; see `mln.rollout.Kernel`.

    Raises ValueError where `kernel` cannot train them.
    """
    from mln.rollout import RolloutOptions

    options = options or RolloutOptions()
    loss: LossSpec | str = getattr(losses, "spec", losses.kind)
    augmented = problem.training.augmentation.changes
    name = choose(problem.learner, loss, options.device, kernel, augmented)
    return get(name)(problem, members, losses, points, options)
