"""Gains as the command line prints them: accuracies in points, nll in nats."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.experiment.model import Experiment


def gain_unit(experiment: "Experiment") -> str:
    """What the experiment's gains are printed in."""
    assert experiment.evolution is not None
    return "nats" if experiment.evolution.settings.fitness.metric == "nll" else "points"


def gain_text(experiment: "Experiment", value: float | None) -> str:
    """A gain in its unit, with its sign; "-" where there is none.

    value: a fraction, or nats.
    """
    if value is None:
        return "-"
    return f"{value:+.4f}" if gain_unit(experiment) == "nats" else f"{100 * value:+.2f}"
