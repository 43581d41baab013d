"""What a benchmark measures, and what is declared of each metric before any run."""

from typing import Literal, NamedTuple

ADAPTS = 0.95
"""The share of the accuracy before a drift at which a learner has recovered from it."""


class Metric(NamedTuple):
    """A metric of one cell.

    low, high: its range; None where it has no bound. worst: the score of a diverged run. rope:
    the difference, +-, that is practically none. Of times all four are fractions of the training
    steps. drift: whether only tasks that drift have it.
    """

    description: str
    direction: Literal["maximise", "minimise"]
    low: float
    high: float | None
    worst: float
    rope: float
    drift: bool = False
    is_time: bool = False

    def worst_after(self, steps: int) -> float:
        """The score of a diverged run, in the metric's own unit."""
        return self.worst * steps if self.is_time else self.worst

    def rope_after(self, steps: int) -> float:
        """The region of practical equivalence, in the metric's own unit."""
        return self.rope * steps if self.is_time else self.rope


def _share(description: str, drift: bool = False) -> Metric:
    """A share of examples that are right."""
    return Metric(description, "maximise", 0.0, 1.0, worst=0.0, rope=0.005, drift=drift)


METRICS = {
    "accuracy": _share("test accuracy after the last step"),
    "accuracy_selected": _share("test accuracy at the step with the best inner_valid accuracy"),
    "balanced_accuracy": _share(
        "mean over the classes of the share found on test, after the last step"
    ),
    "nll": Metric(
        "test negative log-likelihood after the last step, nats",
        "minimise",
        0.0,
        None,
        worst=10.0,
        rope=0.01,
    ),
    "ece": Metric(
        "expected calibration error on test after the last step, 15 bins",
        "minimise",
        0.0,
        1.0,
        worst=1.0,
        rope=0.005,
    ),
    "area": _share("mean test accuracy along the learning curve"),
    "inner_accuracy": _share("inner_valid accuracy after the last step"),
    "post_drift_accuracy": _share("test accuracy just after a drift, one step on", drift=True),
    "post_drift_area": _share("mean test accuracy from the start of a drift", drift=True),
    "recovery_steps": Metric(
        f"steps after a drift until test accuracy is {ADAPTS:.0%} of that before it; all that "
        "are left where it never is",
        "minimise",
        0.0,
        1.0,
        worst=1.0,
        rope=0.05,
        drift=True,
        is_time=True,
    ),
}
MINIMISED = frozenset(name for name, metric in METRICS.items() if metric.direction == "minimise")
