"""What each metric means: its direction, its worst score, and what difference of it is negligible.

The declared metric takes all three from the experiment; the others take those of
bench.catalogue.metrics where it declares them, or else the values below, which were set before
any run.
"""

from typing import Any, Literal, NamedTuple

from bench.catalogue import metrics as declared
from bench.experiment.sections import ReportSection
from reports.verdicts.verdict import Rules

Aspect = Literal["performance", "convergence", "adaptability"]

STEPS_TO_CE = "steps_to_ce"
"""First training step with tuned CE's mean final accuracy; computed here from the curves."""


class Measure(NamedTuple):
    """A metric. Ropes and worst scores of times are fractions of the training budget."""

    name: str
    title: str
    aspect: Aspect
    direction: Literal["maximise", "minimise"]
    rope: float
    worst: float

    @property
    def is_time(self) -> bool:
        """Whether it counts training steps."""
        return self.name in TIMES


NOT_ON_TEST = frozenset({"inner_accuracy"})
"""Scores on validation labels, which chose rates and parameters: never compared."""

TIMES = frozenset({STEPS_TO_CE, "recovery_steps"})

_KNOWN = {
    measure.name: measure
    for measure in (
        Measure("accuracy", "test accuracy after the last step", "performance",
                "maximise", 0.005, 0.0),
        Measure("accuracy_selected", "test accuracy at the step chosen on inner_valid",
                "performance", "maximise", 0.005, 0.0),
        Measure("balanced_accuracy", "mean test accuracy over the classes", "performance",
                "maximise", 0.005, 0.0),
        Measure("nll", "test negative log-likelihood, nats", "performance",
                "minimise", 0.01, 10.0),
        Measure("ece", "expected calibration error", "performance", "minimise", 0.005, 1.0),
        Measure("area", "mean test accuracy along the learning curve", "convergence",
                "maximise", 0.005, 0.0),
        Measure(STEPS_TO_CE, "training steps to tuned CE's mean final accuracy", "convergence",
                "minimise", 0.05, 1.0),
        Measure("post_drift_accuracy", "test accuracy just after the drift", "adaptability",
                "maximise", 0.005, 0.0),
        Measure("recovery_steps", "training steps to recover from the drift", "adaptability",
                "minimise", 0.05, 1.0),
        Measure("post_drift_area", "mean test accuracy after the drift", "adaptability",
                "maximise", 0.005, 0.0),
    )
}  # fmt: skip


def measure_of(name: str) -> Measure | None:
    """What is declared of a metric; None for one that nothing is declared of."""
    known = _KNOWN.get(name)
    entry: Any = declared.METRICS.get(name)
    if entry is None or isinstance(entry, str) or name in NOT_ON_TEST:
        return known
    aspect: Aspect = "adaptability" if entry.drift else "performance"
    known = known or Measure(name, entry.description, aspect, "maximise", 0.0, 0.0)
    return known._replace(direction=entry.direction, rope=entry.rope, worst=entry.worst)


def rules_for(name: str, report: ReportSection, budget: int) -> Rules | None:
    """The rules of a metric's comparisons; None where nothing is declared of it.

    `budget` is the training steps of a run, the scale of times.
    """
    if name == report.metric:
        return Rules(report.direction, report.rope, report.alpha)
    measure = measure_of(name)
    if measure is None:
        return None
    scale = budget if measure.is_time else 1
    return Rules(measure.direction, measure.rope * scale, report.alpha)


def worst_of(name: str, report: ReportSection, budget: int) -> float:
    """The score of a diverged run."""
    if name == report.metric:
        return report.worst
    measure = measure_of(name)
    if measure is None:
        return float("nan")
    return measure.worst * (budget if measure.is_time else 1)


def aspect_of(name: str) -> Aspect:
    """Which question a metric belongs to."""
    measure = measure_of(name)
    return measure.aspect if measure else "performance"


def title_of(name: str) -> str:
    """A metric in words."""
    measure = measure_of(name)
    return measure.title if measure else name.replace("_", " ")
