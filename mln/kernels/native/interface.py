"""The compiled kernel as Python sees it: the structures of rollout.cpp, and the loaded library."""

import ctypes
import logging
from collections.abc import Callable
from ctypes import POINTER, Structure, c_double, c_int64, c_void_p
from functools import lru_cache, partial
from pathlib import Path
from typing import Self

from mln.config import LearnerSpec, LossSpec
from mln.kernels.native import build
from mln.kernels.native.build import BuildError, Variant

RULES = {"sgd": 0, "adam": 1, "adamw": 2}
FUSED_HAND_MADE = ("ce", "mse", "mae", "gce", "sce", "label_smoothing", "focal", "poly1")
FUSED_KINDS = ("mln", *FUSED_HAND_MADE, "adaptive", "gate")
"""The kinds of losses that the kernel has, in the order of LossKind in loss.hpp."""
FUSED_HEADS = ("identity", "softplus", "gate")
ACTIVATIONS = ("tanh", "relu", "silu")


class SpecStruct(Structure):
    """What the members of a rollout share; see rollout.cpp."""

    _fields_ = [
        *((name, c_int64) for name in ("features", "classes", "batch", "steps", "layers")),
        ("hidden", c_void_p),
        ("blocks", c_int64),
        ("channels", c_void_p),
        *((f"image_{name}", c_int64) for name in ("channels", "height", "width")),
        *((name, c_int64) for name in ("kernel", "padding", "per_block", "rule", "nesterov")),
        ("momentum", c_double),
        ("decay", c_double),
        ("schedule", c_void_p),
        *(
            (f"loss_{name}", c_int64)
            for name in ("kind", "hidden", "activation", "has_log_p", "softplus")
        ),
        ("loss_beta", c_double),
        ("loss_log_zero", c_double),
        ("loss_states", c_int64),
        ("loss_state", c_void_p),
        ("loss_range", c_double * 4),
        ("pool", c_void_p),
        ("pool_bytes", c_int64),
        ("pool_scale", c_void_p),
        ("pool_shift", c_void_p),
    ]


class EvaluationStruct(Structure):
    """Rows [count] whose logits [classes, count] are wanted after `step` steps."""

    _fields_ = [
        ("step", c_int64),
        ("count", c_int64),
        ("rows", c_void_p),
        ("logits", c_void_p),
    ]


class MemberStruct(Structure):
    """One learner; see rollout.cpp."""

    _fields_ = [
        *((name, c_void_p) for name in ("batch_index", "batch_y", "start", "weights")),
        ("lr", c_double),
        ("loss", c_void_p),
        ("evaluations", c_int64),
        ("evaluation", POINTER(EvaluationStruct)),
        ("diverged_at", c_int64),
    ]


class Trainer:
    """A workspace of a library for one rollout; to be used by one thread, as a context.

    The first one of a variant may build its library. Raises BuildError, and on entry MemoryError.
    """

    def __init__(self, variant: Variant, spec: SpecStruct) -> None:
        self._library = _kernel(variant)
        self._spec = spec

    def __enter__(self) -> Self:
        self._workspace = c_void_p(self._library.mln_create(ctypes.byref(self._spec)))
        if not self._workspace:
            raise MemoryError("the compiled kernel's workspace")
        return self

    def __call__(self, member: MemberStruct) -> None:
        """Train a member; its weights, logits and diverged_at are filled."""
        self._library.mln_train(self._workspace, ctypes.byref(member))

    def __exit__(self, *_: object) -> None:
        self._library.mln_destroy(self._workspace)


def obstacle(learner: LearnerSpec, loss: LossSpec | str, device: str) -> str | None:
    """Why the kernel cannot train these learners, or None; see mln.kernels.engine.obstacle."""
    if device != "cpu":
        return f"the fused kernel computes on the cpu, not on {device}"
    if learner.kind == "module":
        return "the fused kernel trains perceptrons and convolutional networks, not modules"
    if isinstance(loss, str):
        if loss not in FUSED_HAND_MADE:
            return f"the fused kernel does not have the loss {loss}"
    elif loss.kind != "adaptive" and (
        loss.kind != "network"
        or loss.scope != "per_class"
        or loss.depth != 1
        or loss.head not in FUSED_HEADS
        or loss.features not in ("p,y", "logp,p,y")
    ):
        return (
            "the fused kernel has adaptive losses and networks per class with one hidden layer on "
            f"p,y or logp,p,y, head {', '.join(FUSED_HEADS)}; not this loss"
        )
    return unavailable()


@lru_cache
def unavailable() -> str | None:
    """Why this machine has no compiled kernel, or None; the first call may build a probe.

    The reason is logged, once in a process.
    """
    try:
        _loaded(build.probe)
    except BuildError as error:
        logging.getLogger("mln").warning("training without the compiled kernel: %s", error)
        return str(error)
    return None


@lru_cache
def _kernel(variant: Variant) -> ctypes.CDLL:
    library = _loaded(partial(build.compiled, variant))
    library.mln_create.restype = c_void_p
    library.mln_create.argtypes = [c_void_p]
    library.mln_train.restype = None
    library.mln_train.argtypes = [c_void_p, c_void_p]
    library.mln_destroy.restype = None
    library.mln_destroy.argtypes = [c_void_p]
    return library


def _loaded(find: Callable[[], Path]) -> ctypes.CDLL:
    file = find()
    try:
        return ctypes.CDLL(str(file))
    except OSError:
        # What lies in the cache is no library, perhaps since a disk was full: once more.
        file.unlink(missing_ok=True)
        try:
            return ctypes.CDLL(str(find()))
        except OSError as error:
            reason = str(error).removeprefix(f"{file}: ")
            raise BuildError(f"{file} cannot be loaded ({reason}); {_remedy(reason)}") from error


def _remedy(reason: str) -> str:
    if "failed to map segment" in reason or "not permitted" in reason:
        return "its file system allows no programs (noexec): name a folder on another in MLN_CACHE"
    return "delete it"
