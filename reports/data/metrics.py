"""What is declared of each metric, as the comparisons of an experiment need it.

The declared metric takes direction, ROPE and worst score from the experiment; the others take
those of `bench.catalogue.metrics`, which were set before any run.
"""

from bench.catalogue.metrics import Aspect, Metric, declared
from bench.experiment.sections import ReportSection
from reports.verdicts.verdict import Rules


def comparable_metric(name: str) -> Metric | None:
    """What is declared of a metric that may be compared.

    None for one that nothing is declared of, and for one that is not measured on test.
    """
    metric = declared(name)
    return metric if metric and metric.on_test else None


def rules_for(name: str, report: ReportSection, budget: int) -> Rules | None:
    """The rules of a metric's comparisons; None where it is not comparable.

    `budget` is the training steps of a run, the scale of times.
    """
    if name == report.metric:
        return Rules(report.direction, report.rope, report.alpha)
    metric = comparable_metric(name)
    return Rules(metric.direction, metric.rope_after(budget), report.alpha) if metric else None


def is_minimised(name: str, report: ReportSection) -> bool:
    """Whether a lower score of a metric is better."""
    if name == report.metric:
        return report.direction == "minimise"
    metric = declared(name)
    return metric is not None and metric.is_minimised


def worst_of(name: str, report: ReportSection, budget: int) -> float:
    """The score of a diverged run; NaN where the metric is not comparable."""
    if name == report.metric:
        return report.worst
    metric = comparable_metric(name)
    return metric.worst_after(budget) if metric else float("nan")


def declares_share(name: str) -> bool | None:
    """Whether a metric is a share of test examples that are right, or a mean of such shares; None
    where nothing is declared of it."""
    metric = declared(name)
    if metric is None:
        return None
    return metric.high == 1.0 and not metric.is_minimised and not metric.is_time


def aspect_of(name: str) -> Aspect:
    """Which question a metric belongs to."""
    metric = comparable_metric(name)
    return metric.aspect if metric else "performance"


def title_of(name: str) -> str:
    """A metric in words."""
    metric = comparable_metric(name)
    return metric.title if metric else name.replace("_", " ")
