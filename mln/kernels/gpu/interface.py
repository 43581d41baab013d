"""What the Triton kernel can train; importing this imports neither torch nor triton."""

from functools import lru_cache
from importlib.util import find_spec

from mln.config import LearnerSpec, LossSpec

HAND_MADE = ("ce", "mse", "mae", "gce", "sce", "label_smoothing", "focal", "poly1")
"""The hand-made losses that the program has."""

MAX_LAYERS, MAX_WIDTH = 4, 128
"""Of a learner that a multiprocessor holds; features and classes count as widths."""


def obstacle(learner: LearnerSpec, loss: LossSpec | str, device: str) -> str | None:
    """Why the kernel cannot train these learners, or None; see mln.kernels.engine.obstacle."""
    if not device.startswith("cuda"):
        return f"the triton kernel computes on cuda devices, not on {device}"
    if learner.kind != "mlp":
        return f"the triton kernel trains perceptrons alone, not learners of kind {learner.kind}"
    if len(learner.hidden) >= MAX_LAYERS or max(learner.hidden, default=0) > MAX_WIDTH:
        return (
            f"the triton kernel trains perceptrons of at most {MAX_LAYERS} layers of at most "
            f"{MAX_WIDTH} units"
        )
    return loss_obstacle(loss) or unavailable()


def loss_obstacle(loss: LossSpec | str) -> str | None:
    """Why the program has no such loss, or None."""
    if isinstance(loss, str):
        return None if loss in HAND_MADE else f"the triton kernel does not have the loss {loss}"
    if loss.kind == "adaptive":
        return None
    if (
        loss.kind != "network"
        or loss.scope != "per_class"
        or loss.depth != 1
        or loss.features not in ("p,y", "logp,p,y")
    ):
        return (
            "the triton kernel has networks per class with one hidden layer on p,y or logp,p,y, "
            "and adaptive losses; not this loss"
        )
    return None


@lru_cache
def unavailable() -> str | None:
    """Why there is no Triton here, or None; it comes with torch's CUDA build."""
    if find_spec("triton") is None:
        return "triton is not installed; it comes with torch's CUDA build for Linux"
    return None
