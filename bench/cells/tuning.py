"""Tuning: every loss is trained in the same number of configurations, on every seed."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bench.cells.loss_ref import LossRef
from bench.experiment.sections import TuningSection


class Configuration(NamedTuple):
    """A learning rate and a value of the loss's own parameter, None where it has none.

    is_tuned: whether tuning chooses among it; is_common: whether it is the declared one.
    """

    lr: float
    parameter: float | None
    is_tuned: bool
    is_common: bool


def configurations(tuning: TuningSection, loss: LossRef) -> list[Configuration]:
    """All that a loss is trained in, in the order in which tuning breaks ties: a smaller rate
    first, then the parameter that comes first.

    `len(rates) * parameter_values` are tuned. What a loss with a parameter spends on the
    parameter, a loss without one spends on rates: a geometric grid over the same span with as
    many times more points. The declared configuration is added where tuning does not try it.
    """
    values = tuning.parameter_values
    parameters = [variant.parameter for variant in loss.tried(values)]
    rates = tuning.rates if len(parameters) == values else finer(tuning.rates, values)
    common = (tuning.common_rate, loss.parameter)
    tuned = [(lr, parameter) for lr in sorted(rates) for parameter in parameters]
    tried = [Configuration(*each, True, each == common) for each in tuned]
    return tried if common in tuned else [*tried, Configuration(*common, False, True)]


def finer(rates: Sequence[float], times: int) -> tuple[float, ...]:
    """A geometric grid over the span of `rates`, with `times` as many points."""
    low, high = min(rates), max(rates)
    inner = np.geomspace(low, high, times * len(rates))[1:-1]
    return (low, *(float(f"{rate:.4g}") for rate in inner), high)
