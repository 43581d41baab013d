"""Perceptrons and convolutional networks on a CPU: one learner after another, in compiled code.

A learner is trained for all its steps while its weights and activations lie in the cache; the
program is C++ that is built on first use (mln.kernels.native), for each kind of optimiser and
learner its own part. Its bits depend on the processor and the compiler, never on the other members.
"""

from collections.abc import Sequence

import numpy as np
import torch

from mln.kernels.native.interface import Trainer
from mln.kernels.native.job import NativeJob
from mln.kernels.recorder import Recorder, in_chunks, one_thread
from mln.losses.base import StackedLoss
from mln.problem import Problem
from mln.rollout import DEFAULT_OPTIONS, Members, RolloutOptions, RolloutResult

KEPT_LOGIT_BYTES = 2**24
"""Logits that are kept until they are scored, those of all members of a chunk at once: scoring
one member takes as long as some training steps, scoring many at once hardly longer."""


@one_thread()
def rollout(
    problem: Problem,
    members: Members,
    losses: StackedLoss,
    points: Sequence[int],
    options: RolloutOptions = DEFAULT_OPTIONS,
) -> RolloutResult:
    """See `mln.rollout.Kernel`; its chunk is of members whose logits are scored together.

    A diverged member is left as it is; its final weights are those of that step. Raises
    BuildError where the program cannot be built (mln.kernels.native.interface.unavailable).
    """
    if options.device != "cpu":
        raise ValueError(f"the fused kernel computes on the cpu, not on {options.device}")
    if options.dtype != torch.float32:
        raise ValueError(f"the fused kernel computes in float32, not in {options.dtype}")
    recorder = Recorder(problem, members, points, options.keep_weights)
    job = NativeJob(problem, members, losses, points)
    with Trainer(job.variant, job.spec) as train:
        for chosen in in_chunks(len(members.slot), options.chunk or _chunk_size(job)):
            _train_chunk(job, train, chosen, recorder)
    return recorder.result()


def _train_chunk(job: NativeJob, train: Trainer, chosen: np.ndarray, recorder: Recorder) -> None:
    weights = np.empty((len(chosen), job.start.shape[1]), np.float32)
    logits = [
        np.empty((len(chosen), job.problem.classes, measurement.rows.shape[1]), np.float32)
        for measurement in job.measurements
    ]
    for place, number in enumerate(chosen):
        if place > 0 and number == chosen[0]:  # a chunk of one, filled up
            for values in (weights, *logits):
                values[place] = values[0]
            continue
        member = job.member(int(number), [z[place] for z in logits], weights[place])
        train(member)
        recorder.diverged_at[number] = member.diverged_at
    for at, z in zip(job.measurements, logits, strict=True):
        labels = torch.from_numpy(at.y[job.members.slot[chosen]])
        recorder.curve(chosen, at.step, at.split, torch.from_numpy(z), labels)
    recorder.weights(chosen, torch.from_numpy(weights))


def _chunk_size(job: NativeJob) -> int:
    logits = job.problem.classes * sum(at.rows.shape[1] for at in job.measurements)
    return int(np.clip(KEPT_LOGIT_BYTES // (4 * (logits + job.start.shape[1])), 2, 256))
