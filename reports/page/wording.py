"""How numbers are written in text: units, p-values, intervals."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.catalogue.metrics import declared
from reports.stats.rounding import rounded

MINUS = "\N{MINUS SIGN}"
DASH = "\N{EN DASH}"
PLUS_MINUS = "\N{PLUS-MINUS SIGN}"


@dataclass(frozen=True)
class Unit:
    """How a metric is shown: `factor` times its stored value, with so many `digits`."""

    factor: float
    digits: int
    difference: str
    axis: str

    def value(self, number: float | None) -> str:
        """A value of the metric, without its unit."""
        return signed_minus(number, self.digits, self.factor)

    def gain(self, number: float | None) -> str:
        """A difference with its sign, without its unit."""
        text = self.value(number)
        if number is None or not math.isfinite(number) or text.startswith(MINUS):
            return text
        return f"+{text}" if float(text) else text

    def spread(self, mean: float, sd: float) -> str:
        """Mean and standard deviation; the latter is left out where there is one value."""
        if not math.isfinite(sd):
            return self.value(mean)
        return f"{self.value(mean)} {PLUS_MINUS} {self.value(sd)}"


def unit_of(metric: str) -> Unit:
    """The declared unit of a metric; one that nothing is declared of is shown as it is."""
    known = declared(metric)
    return Unit(*known.unit) if known else Unit(1.0, 4, f"in units of {metric}", metric)


def sentence(text: str) -> str:
    """A phrase as a sentence of its own."""
    return f"{text[0].upper()}{text[1:]}."


def signed_minus(number: float | None, digits: int, factor: float = 1.0) -> str:
    """A number with a true minus sign; a dash where there is none."""
    if number is None or math.isnan(number):
        return DASH
    if math.isinf(number):
        return f"{MINUS if number < 0 else ''}\N{INFINITY}"
    return rounded(number * factor, digits).replace("-", MINUS)


def p_text(p: float | None) -> str:
    """`= .004`, `< .001` or `> .999`: a p-value is never exactly zero."""
    if p is None or math.isnan(p):
        return DASH
    if p < 0.001:
        return "< .001"
    if p >= 1:
        return "= 1"
    if p > 0.999:
        return "> .999"
    return "= " + f"{p:.3f}".lstrip("0")


def p_cell(p: float | None) -> str:
    """A p-value in a column that is headed p."""
    return p_text(p).removeprefix("= ")


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """`1 seed`, `2 seeds`."""
    return f"{count} {noun}" if count == 1 else f"{count} {plural or noun + 's'}"


def listed(names: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def finite(value: Any) -> Any:
    """The value, or None where it is NaN or infinite, which JSON cannot say."""
    if isinstance(value, float | np.floating) and not math.isfinite(value):
        return None
    return value
