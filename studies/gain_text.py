"""Gains over tuned cross-entropy as people read them: in points of accuracy, or in nats."""

from typing import NamedTuple

from bench.catalogue import metrics
from bench.experiment.model import Experiment


class GainUnit(NamedTuple):
    """A gain is shown as `factor` times its stored value, with so many `digits`."""

    name: str
    factor: float
    digits: int

    def number(self, gain: float | None) -> str:
        """A gain with its sign and without its unit; a dash where there is none."""
        return "–" if gain is None else f"{self.factor * gain:+.{self.digits}f}"

    def half(self, width: float) -> str:
        """Half of an interval, without its unit."""
        return f"±{self.factor * width:.{self.digits}f}"

    def text(self, gain: float | None) -> str:
        """A gain with its unit."""
        return f"{self.number(gain)} {self.name}"


POINTS, NATS = (
    GainUnit(unit.difference, unit.factor, unit.digits) for unit in (metrics.PER_CENT, metrics.NATS)
)


def gain_unit(experiment: Experiment) -> GainUnit:
    """The unit of a study's gains, which are in the fitness's metric."""
    evolution = experiment.evolution
    return NATS if evolution and evolution.settings.fitness.metric == "nll" else POINTS
