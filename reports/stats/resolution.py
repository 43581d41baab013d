"""The steps in which scores move, found from the scores themselves."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reports.stats.types import Vector

LARGEST = 20_000
"""Examples of a test split up to which steps are looked for: beyond, they bound nothing."""

NOISE = 2e-7
"""Of a share that was computed in single precision."""

SURE = 0.01
"""The chance of a fit by luck up to which runs of unlike sizes are believed."""

TELLING = 0.2
"""The rounding of a count up to which it tells whether a share is one of so many examples."""

MAX_VALUES = 400
MAX_RUNS = 40


def resolution_of(
    scores: ArrayLike, runs: Sequence[object] | None = None, *, are_shares: bool = True
) -> float | None:
    """The step between two scores, 1 / n for shares of n examples; None if none is seen.

    scores: NaN is an absent one. Where they may be shares, those in [0, 1] are taken for such,
    those in [0, 100] for per cent; all others for multiples of one unit. runs: what each score's
    test split belongs to, as its seed: splits may differ in size, as folds do, and the largest
    counts. Scores that were rounded when they
    were written have that rounding for a resolution at least.
    """
    values = np.asarray(scores, dtype=float)
    finite = np.isfinite(values)
    sizes = np.abs(values[finite])
    top = float(sizes.max(initial=0.0))
    if not top:
        return None
    owners = None if runs is None else np.asarray(runs, dtype=object)[finite]
    for scale in (1.0, 100.0) if are_shares else ():
        if top <= scale:
            n = _examples(sizes / scale, owners, _rounding(sizes, scale))
            return scale / n if n else None
    return _unit(sizes)


def are_shares_of(scores: ArrayLike, examples: int) -> bool:
    """Whether all scores, NaN left out, may be shares of a number of examples."""
    values = np.asarray(scores, dtype=float)
    counts = values[np.isfinite(values)] * examples
    near = np.abs(counts - np.rint(counts)) <= examples * NOISE
    return bool(near.all() and (counts >= 0).all() and (counts <= examples).all())


def _examples(shares: Vector, runs: "NDArray[np.object_] | None", tolerance: float) -> int | None:
    """The fewest examples of which all shares are counts; of runs of unlike sizes the largest."""
    fewest = _fewest(shares, tolerance)
    if runs is None or (fewest is not None and fewest <= 40):
        return fewest
    own = {run: shares[runs == run] for run in list(dict.fromkeys(runs.tolist()))[:MAX_RUNS]}
    inner = [part[(part > 0) & (part < 1)] for part in own.values()]
    told = [(_fewest(part, tolerance), np.unique(part).size) for part in inner if part.size]
    if not told or any(n is None for n, _ in told):
        return fewest
    largest = max(n for n, _ in told if n is not None)
    few = min(count for _, count in told)
    by_luck = float(((2 * np.arange(1, largest + 1) * tolerance) ** few).sum())
    return largest if by_luck < SURE and (fewest is None or largest < fewest) else fewest


def _fewest(shares: Vector, tolerance: float) -> int | None:
    """The smallest n of which every share is a count; None where all are 0 or 1, or n is large.

    Where the rounding of the shares hides n it is what they are rounded to.
    """
    values = np.unique(shares[(shares > 0) & (shares < 1)])
    if not values.size:
        return None
    values = values[np.linspace(0, values.size - 1, min(values.size, MAX_VALUES)).astype(int)]
    told = int(min(LARGEST, TELLING / tolerance))
    left = np.arange(2, told + 1)
    for part in np.array_split(values, -(-values.size // 20)):
        counts = left[:, None] * part[None, :]
        fits = np.abs(counts - np.rint(counts)) <= left[:, None] * tolerance
        left = left[fits.all(axis=1)]
    if left.size:
        return int(left[0])
    return round(0.5 / tolerance) if told < LARGEST else None


def _rounding(values: Vector, scale: float) -> float:
    """Half a unit of the last decimal with which all values are written, or single precision; as a
    share of scale."""
    for decimals in range(1, 7):
        unit = 10.0**-decimals
        if (np.abs(values - np.rint(values / unit) * unit) <= NOISE / 2 * scale).all():
            return max(0.5 * unit / scale + NOISE / 2, NOISE)
    return NOISE


def _unit(sizes: Vector) -> float | None:
    """The largest unit of which all values are multiples, as training steps between two points."""
    values = np.unique(sizes)
    if values.size < 3:  # they could be anything
        return None
    gaps = np.diff(np.concatenate([[0.0], values]))
    gap = float(gaps[gaps > 1e-9 * values[-1]].min())
    for part in range(1, 41):
        counts = values * part / gap
        if (np.abs(counts - np.rint(counts)) <= 1e-4).all():
            return gap / part
    return None
