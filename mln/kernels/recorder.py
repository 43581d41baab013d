"""What a rollout records: curves, divergence, final weights; and how members are chunked."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from mln.measures import measure
from mln.problem import Problem
from mln.rollout import LOGITS, WEIGHTS, Members, RolloutResult, SplitScores


class Recorder:
    """Collects what becomes of all members."""

    def __init__(
        self, problem: Problem, members: Members, points: Sequence[int], keep_weights: bool = False
    ) -> None:
        self.steps = problem.training.steps
        self.points = np.asarray(sorted(set(points)), dtype=np.int64)
        shape = (len(members.slot), len(self.points))
        self.scores = {
            name: SplitScores(*(np.full(shape, np.nan) for _ in SplitScores._fields))
            for name in problem.evaluations
        }
        self.diverged_at = np.full(len(members.slot), -1, dtype=np.int64)
        self.lost = np.zeros(len(members.slot), dtype=bool)
        self.final: np.ndarray | None = None
        if keep_weights:
            self.final = np.empty((len(members.slot), problem.initial.shape[1]), dtype=np.float32)

    def stops(self) -> list[int]:
        """Steps after which training halts: for a measurement, and at its end."""
        points = {point for point in self.points.tolist() if 1 <= point <= self.steps}
        return sorted({*points, self.steps})

    def curve(self, chosen: np.ndarray, step: int, name: str, z: Tensor, labels: Tensor) -> None:
        """Score the chosen members' logits z [M, C, E] on a split after `step` steps."""
        self.scored(chosen, step, name, measure(z, labels))

    def scored(self, chosen: np.ndarray, step: int, name: str, scores: Sequence[Tensor]) -> None:
        """Take the chosen members' scores, [M] each, in the order of SplitScores."""
        column = int(np.searchsorted(self.points, step))
        for target, values in zip(self.scores[name], scores, strict=True):
            target[chosen, column] = values.double().cpu().numpy()

    def divergence(self, chosen: np.ndarray, logit_sums: Tensor) -> None:
        """Find the first step whose logits were not finite, from their sums [T, M]."""
        bad = ~torch.isfinite(logit_sums)
        first = torch.where(bad.any(0), bad.to(torch.int8).argmax(0) + 1, -1)
        self.diverged_at[chosen] = first.cpu().numpy()

    def weights(self, chosen: np.ndarray, rows: Tensor) -> None:
        """Take the chosen members' final weights [M, W]: check them, keep them if wanted."""
        self.lost[chosen] = ~torch.isfinite(rows).all(1).cpu().numpy()
        if self.final is not None:
            self.final[chosen] = rows.float().cpu().numpy()

    def result(self) -> RolloutResult:
        """All curves, with NaN where a member had diverged."""
        reasons = np.where(self.diverged_at >= 0, LOGITS, np.where(self.lost, WEIGHTS, ""))
        diverged_at = np.where((self.diverged_at < 0) & self.lost, self.steps, self.diverged_at)
        is_lost = (diverged_at >= 0)[:, None] & (self.points >= diverged_at[:, None])
        for scores in self.scores.values():
            for values in scores:
                values[is_lost] = np.nan
        return RolloutResult(self.points, self.scores, diverged_at, reasons.tolist(), self.final)


def in_chunks(total: int, size: int, min_size: int = 2) -> Iterator[np.ndarray]:
    """Numbers of `total` members in even chunks of at most `size` and at least `min_size`.

    bmm of a single matrix may differ in its last bits from bmm of several: a chunk that is too
    small is filled up with its first member again.
    """
    for chosen in np.array_split(np.arange(total), -(-total // size)) if total else ():
        missing = max(min_size - len(chosen), 0)
        yield np.concatenate([chosen, np.full(missing, chosen[0])])


@contextmanager
def one_thread() -> Iterator[None]:
    """Several threads split a product by its size: a member's bits would depend on its chunk."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
