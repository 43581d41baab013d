"""What a benchmark measures: one record for each metric, with all that is declared of it.

A metric is added by its record in METRICS alone: training computes and stores it, tuning can
choose by it, experiments can declare it, and reports compare it and show it in its unit.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Aspect = Literal["performance", "convergence", "adaptability"]
Direction = Literal["maximise", "minimise"]
Floats = NDArray[np.floating]

RECOVERED_SHARE = 0.95
"""The share of the accuracy before a drift at which a learner has recovered from it."""


class DriftSteps(NamedTuple):
    """When a task drifts: the first step, from 0, with changed examples, and the first whose
    minibatch holds no others."""

    first: int
    last: int


class Measured(NamedTuple):
    """What was measured of one learner at P points of its training of `steps` steps.

    points [P]: the steps, ascending, the last one included. on_curve [P]: which of them are of the
    even learning curve; the others lie around the drift. inner_accuracy [P] is measured on
    inner_valid, the other scores [P] on test, or while tuning on inner_valid too. NaN where a
    learner diverged. drift: None where the task has none.
    """

    steps: int
    points: NDArray[np.int64]
    on_curve: NDArray[np.bool_]
    inner_accuracy: Floats
    accuracy: Floats
    nll: Floats
    balanced_accuracy: Floats
    ece: Floats
    drift: DriftSteps | None = None


class MetricUnit(NamedTuple):
    """How a metric is shown: `factor` times its stored value, with so many `digits`.

    difference: the word for what a difference is counted in; axis: the unit of a value.
    """

    factor: float
    digits: int
    difference: str
    axis: str


PER_CENT = MetricUnit(100.0, 2, "points", "%")
NATS = MetricUnit(1.0, 4, "nats", "nats")
STEPS = MetricUnit(1.0, 1, "steps", "steps")


class Metric(NamedTuple):
    """A metric of one cell; by default a share of examples that are right.

    title: in words, for headings; description: how it is measured. compute: the score of one
    learner; None where reports compute it from the curves of several. low, high: its range; None
    where it has no bound. worst: the score of a diverged run. rope: the difference, +-, that is
    practically none. Of times all four are fractions of the training steps. drift: whether only
    tasks that drift have it. on_test: whether it is measured on test, and so may be compared.
    """

    name: str
    title: str
    description: str
    compute: Callable[[Measured], float] | None
    aspect: Aspect = "performance"
    direction: Direction = "maximise"
    low: float = 0.0
    high: float | None = 1.0
    worst: float = 0.0
    rope: float = 0.005
    unit: MetricUnit = PER_CENT
    drift: bool = False
    is_time: bool = False
    on_test: bool = True

    @property
    def is_minimised(self) -> bool:
        """Whether a lower score is better."""
        return self.direction == "minimise"

    def worst_after(self, steps: int) -> float:
        """The score of a diverged run, in the metric's own unit."""
        return self.worst * steps if self.is_time else self.worst

    def rope_after(self, steps: int) -> float:
        """The region of practical equivalence, in the metric's own unit."""
        return self.rope * steps if self.is_time else self.rope


def accuracy_selected(measured: Measured) -> float:
    """Accuracy at the first point of the curve with the best accuracy on inner_valid."""
    inner = measured.inner_accuracy[measured.on_curve]
    chosen = int(np.argmax(np.nan_to_num(inner, nan=-1.0)))
    return float(measured.accuracy[measured.on_curve][chosen])


def area(measured: Measured) -> float:
    """Mean accuracy over the points of the even learning curve."""
    return float(measured.accuracy[measured.on_curve].mean())


def post_drift_accuracy(measured: Measured) -> float:
    """Accuracy at the first point after the drift has ended."""
    return float(measured.accuracy[_after_drift(measured)][0])


def post_drift_area(measured: Measured) -> float:
    """Mean accuracy from the first step of the drift on, taken to change evenly between points."""
    began = measured.points >= _drift_of(measured).first + 1
    span, height = measured.points[began].astype(float), measured.accuracy[began]
    return float(np.trapezoid(height, span) / np.ptp(span)) if np.ptp(span) else float(height[-1])


def recovery_steps(measured: Measured) -> float:
    """Steps from the end of the drift until accuracy is RECOVERED_SHARE of that before it.

    Between two points the accuracy is taken to change evenly. All steps that remain where it
    never is; NaN where the learner diverged.
    """
    ended = _after_drift(measured)
    points, accuracy = measured.points[ended].astype(float), measured.accuracy[ended]
    before = measured.accuracy[np.searchsorted(measured.points, _drift_of(measured).first)]
    target = RECOVERED_SHARE * before
    if not np.isfinite([*accuracy, target]).all():
        return float("nan")
    start = points[0] - 1
    reached = np.flatnonzero(accuracy >= target)
    if not len(reached):
        return float(measured.steps - start)
    at = int(reached[0])
    if at == 0:
        return float(points[0] - start)
    share = (target - accuracy[at - 1]) / (accuracy[at] - accuracy[at - 1])
    return float(points[at - 1] + share * (points[at] - points[at - 1]) - start)


def _drift_of(measured: Measured) -> DriftSteps:
    if measured.drift is None:
        raise ValueError("the task does not drift")
    return measured.drift


def _after_drift(measured: Measured) -> NDArray[np.bool_]:
    """Which points [P] lie after the drift."""
    return measured.points >= min(_drift_of(measured).last + 1, measured.steps)


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "inner_accuracy",
            "inner validation accuracy after the last step",
            "inner_valid accuracy after the last step",
            lambda measured: float(measured.inner_accuracy[-1]),
            on_test=False,  # it chose rates and parameters
        ),
        Metric(
            "accuracy",
            "test accuracy after the last step",
            "test accuracy after the last step",
            lambda measured: float(measured.accuracy[-1]),
        ),
        Metric(
            "accuracy_selected",
            "test accuracy at the step chosen on inner_valid",
            "test accuracy at the step with the best inner_valid accuracy",
            accuracy_selected,
        ),
        Metric(
            "balanced_accuracy",
            "mean test accuracy over the classes",
            "mean over the classes of the share that is right on test, after the last step",
            lambda measured: float(measured.balanced_accuracy[-1]),
        ),
        Metric(
            "nll",
            "test negative log-likelihood, nats",
            "test negative log-likelihood after the last step, nats",
            lambda measured: float(measured.nll[-1]),
            direction="minimise",
            high=None,
            worst=10.0,
            rope=0.01,
            unit=NATS,
        ),
        Metric(
            "ece",
            "expected calibration error",
            "expected calibration error on test after the last step, 15 bins",
            lambda measured: float(measured.ece[-1]),
            direction="minimise",
            worst=1.0,
        ),
        Metric(
            "area",
            "mean test accuracy along the learning curve",
            "mean test accuracy along the learning curve",
            area,
            "convergence",
        ),
        Metric(
            "post_drift_accuracy",
            "test accuracy just after the drift",
            "test accuracy just after a drift, one step on",
            post_drift_accuracy,
            "adaptability",
            drift=True,
        ),
        Metric(
            "post_drift_area",
            "mean test accuracy after the drift",
            "mean test accuracy from the start of a drift",
            post_drift_area,
            "adaptability",
            drift=True,
        ),
        Metric(
            "recovery_steps",
            "training steps to recover from the drift",
            f"steps after a drift until test accuracy is {RECOVERED_SHARE:.0%} of that before it; "
            "all that remain where it never is",
            recovery_steps,
            "adaptability",
            "minimise",
            worst=1.0,
            rope=0.05,
            unit=STEPS,
            drift=True,
            is_time=True,
        ),
    )
}
"""What is measured of every cell, by name."""

STEPS_TO_CE = "steps_to_ce"

DERIVED: dict[str, Metric] = {
    STEPS_TO_CE: Metric(
        STEPS_TO_CE,
        "training steps to tuned CE's mean final accuracy",
        "first step with the mean final test accuracy of tuned CE; all steps where none has it",
        None,
        "convergence",
        "minimise",
        worst=1.0,
        rope=0.05,
        unit=STEPS,
        is_time=True,
    )
}
"""What reports compute from the curves of all seeds (`reports.data.load`), by name."""


def declared(name: str) -> Metric | None:
    """What is declared of a metric; None for one that nothing is declared of."""
    return METRICS.get(name) or DERIVED.get(name)


def scores(measured: Measured) -> dict[str, float]:
    """Every metric of one learner, in the order of METRICS; without a drift those of none."""
    return {
        metric.name: metric.compute(measured)
        for metric in METRICS.values()
        if metric.compute and (measured.drift is not None or not metric.drift)
    }
