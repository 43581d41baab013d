"""CIFAR-10N: label noise as it occurs, the labels that people gave to CIFAR-10's training pictures.

Wei et al. 2022 ("Learning with noisy labels revisited", ICLR) asked three people for each picture.
Their file, `CIFAR-10_human.pt` of https://github.com/UCSC-REAL/cifar-10-100n, is under CC BY-NC 4.0
(not for commercial use) and does not come with the suite: put your copy in the data root.
"""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from bench.errors import InputError
from bench.tasks.base import Labels
from bench.tasks.cache import content_digest
from bench.tasks.data_root import DATA_ROOT_VARIABLE, data_root
from mln.examples import Examples
from mln.task import Split, Task

FILE = "CIFAR-10_human.pt"
SOURCE = "https://github.com/UCSC-REAL/cifar-10-100n"
CLEAN = "clean_label"
COLUMNS = {
    "worst": "worse_label",
    "aggre": "aggre_label",
    "random1": "random_label1",
    "random2": "random_label2",
    "random3": "random_label3",
}
"""The file's arrays by the regime's value: a wrong label where any of three people gave one, what
most said, and each person's own."""


def human_labels(task: Task, which: float, _rng: Generator) -> Task:
    """The training labels of CIFAR-10 as people gave them; `which` is a place in COLUMNS.

    Raises InputError where the file is not there, damaged or of other pictures.
    """
    x, y = task.train
    path = label_path()
    columns = _columns(path, label_digest())
    named = columns[list(COLUMNS.values())[int(which)]]
    # The rows of the table are the official training pictures in their official order.
    if not isinstance(x, Examples) or x.rows.max(initial=-1) >= len(named):
        raise InputError(f"{path}: has {len(named):,} labels, fewer than CIFAR-10 has pictures")
    if not np.array_equal(columns[CLEAN][x.rows], y):
        raise InputError(f"{path}: its clean labels are not those of these pictures")
    return replace(task, train=Split(x, named[x.rows]))


def label_path() -> Path:
    """The user's copy of the file. Raises InputError where there is none."""
    root = data_root()
    if root is None or not (root / FILE).is_file():
        where = f"{root}" if root else f"the folder of --data-root or {DATA_ROOT_VARIABLE}"
        raise InputError(f"cifar10n: put {FILE} (CC BY-NC 4.0, from {SOURCE}) in {where}")
    return root / FILE


def label_digest() -> str:
    """A digest of the file. Raises as `label_path` does."""
    return content_digest([(FILE, label_path())])


@lru_cache(maxsize=2)
def _columns(path: Path, _digest: str) -> dict[str, Labels]:
    """The file's arrays, by name. Nothing in it is run: it may hold arrays alone."""
    import torch
    from numpy._core import multiarray

    kinds = [type(np.dtype(kind)) for kind in (np.int8, np.int16, np.int32, np.int64, np.uint8)]
    rebuild = multiarray._reconstruct
    # numpy called its own module otherwise when the file was written.
    older = (rebuild, "numpy.core.multiarray._reconstruct")
    allowed: list[Any] = [np.ndarray, np.dtype, *kinds, rebuild, older]
    try:
        with torch.serialization.safe_globals(allowed):
            content = torch.load(path, map_location="cpu", weights_only=True)
        return {name: _labels(content, name) for name in (CLEAN, *COLUMNS.values())}
    except UnpicklingError as error:  # whose message would have it loaded without care
        reason = "it is damaged, or holds other things than whole numbers"
        raise InputError(f"{path}: not the labels of CIFAR-10N: {reason}") from error
    except Exception as error:  # of a damaged file torch says it in many ways
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(f"{path}: not the labels of CIFAR-10N: {reason}") from error


def _labels(content: dict[str, object], name: str) -> Labels:
    if name not in content:
        raise ValueError(f"it has no {name}")
    array: NDArray[np.generic] = np.asarray(content[name])
    of_numbers = array.ndim == 1 and array.dtype.kind in "iu"
    if not of_numbers or not set(np.unique(array)) <= set(range(10)):
        raise ValueError(f"its {name} is no list of labels from 0 to 9")
    return array.astype(np.int64)
