"""When test must be measured to say how a learner takes a drift."""

from mln.drift import Timing


def drift_points(timing: Timing, steps: int) -> list[int]:
    """Steps at which test must be measured: the last before a drift, the first after it began
    and after it ended."""
    return sorted({timing.first, timing.first + 1, min(timing.last + 1, steps)})
