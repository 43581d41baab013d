"""What each regime of a task changed: the task before and after it, counted."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.random import SeedSequence

from bench.describing.model import RegimeDescription
from bench.tasks.regimes.catalogue import REGIMES, VALID_DESCRIPTION, VALID_KEY
from bench.tasks.resolve import TaskRef
from mln.task import Split, Task


def changes(ref: TaskRef, seed: SeedSequence) -> Iterator[RegimeDescription]:
    """A description of each regime, in order of application.

    Each is put on the task after those before it: what a regime draws depends on no other.
    """
    stages = [
        replace(ref, regimes=ref.regimes[:count], noisy_valid=False)
        for count in range(len(ref.regimes) + 1)
    ]
    tasks = [each.source(test=False)(seed) for each in stages]
    for setting, before, after in zip(ref.regimes, tasks[:-1], tasks[1:], strict=True):
        yield RegimeDescription(
            regime=str(setting),
            meaning=f"for example {REGIMES[setting.key].description}",
            changed=_changed(before, after),
        )
    if ref.noisy_valid:
        noisy = ref.source(test=False)(seed)
        moved = _moved(tasks[-1].inner_valid, noisy.inner_valid)
        yield RegimeDescription(
            regime=f"{VALID_KEY}=noisy",
            meaning=VALID_DESCRIPTION,
            changed=f"{moved} of {len(noisy.inner_valid.y)} inner_valid labels moved",
        )


def _changed(before: Task, after: Task) -> str:
    old, new = before.train, after.train
    if len(old.y) != len(new.y):
        return f"{len(old.y) - len(new.y):,} of {len(old.y):,} training examples removed"
    moved = _moved(old, new)
    if moved:
        return f"{moved:,} of {len(old.y):,} training labels moved"
    if after.drift and not before.drift:
        return f"{_turned(after)}; it begins at {after.drift.start:.0%} of the training"
    if after.drift and before.drift and after.drift.width != before.drift.width:
        return f"the drift takes {after.drift.width:.0%} of the training"
    if new.x is not old.x and not _same(old, new):
        return f"the values of {len(old.y):,} training examples changed, no label"
    return "nothing here"


def _turned(task: Task) -> str:
    """What differs after a drift."""
    assert task.drift is not None
    own, later = task.train, task.drift.after.train
    counts = [np.bincount(split.y, minlength=task.classes) for split in (own, later)]
    if not np.array_equal(np.sort(counts[0]), np.sort(counts[1])):
        low, high = int(counts[1].min()), int(counts[1].max())
        return f"classes of {low:,} to {high:,} training examples after the drift"
    if moved := _moved(own, later):
        return f"{moved:,} of {len(own.y):,} training labels are others after the drift"
    return f"the values of {len(own.y):,} training examples are others after the drift"


def _moved(old: Split, new: Split) -> int:
    return int((old.y != new.y).sum())


def _same(old: Split, new: Split) -> bool:
    sample = slice(0, 1000)
    return bool(np.array_equal(np.asarray(old.x[sample]), np.asarray(new.x[sample])))
