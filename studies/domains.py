"""What values a tuned setting may take."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from bench.errors import InputError
from bench.experiment.study import RANGE_KEYS
from studies.outcome import ParamValue


class Choices(NamedTuple):
    """A categorical domain."""

    values: tuple[ParamValue, ...]


@dataclass(frozen=True)
class Range:
    """A numeric domain with both ends; whole numbers where both are."""

    low: float
    high: float
    log: bool = False
    step: float | None = None

    @property
    def is_whole(self) -> bool:
        """Whether its values are whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)


Domain = Choices | Range


def contains(domain: Domain, value: Any) -> bool:
    """Whether a value lies in a domain."""
    if isinstance(domain, Choices):
        return any(value == known and type(value) is type(known) for known in domain.values)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if not domain.low <= value <= domain.high or (domain.is_whole and value != int(value)):
        return False
    if domain.step is None:
        return True
    steps = (value - domain.low) / domain.step
    return abs(steps - round(steps)) < 1e-9


def spell(domain: Domain) -> str:
    """A domain for a reader."""
    if isinstance(domain, Choices):
        return "{" + ", ".join(map(str, domain.values)) + "}"
    tail = ", log" if domain.log else f", step {domain.step:g}" if domain.step else ""
    return f"[{domain.low:g}, {domain.high:g}{tail}]"


def domain_of(name: str, given: Any) -> Domain:
    """The domain of a setting from TOML: a list of choices, or a table {low, high, log, step}.

    Raises:
        InputError: it makes no sense.
    """
    if isinstance(given, list | tuple):
        if not given or len(set(map(repr, given))) < len(given):
            raise InputError(f"study.space: {name}: needs at least one choice, each once: {given}")
        if not all(isinstance(value, str | int | float) for value in given):
            raise InputError(f"study.space: {name}: choices are words or numbers: {given}")
        return Choices(tuple(given))
    if not set(given) <= RANGE_KEYS or not {"low", "high"} <= set(given):
        raise InputError(f"study.space: {name}: a range is {{low, high}}, perhaps with log or step")
    domain = Range(**given)
    if not domain.low < domain.high:
        raise InputError(f"study.space: {name}: the range must rise, not {spell(domain)}")
    if domain.log and (domain.low <= 0 or domain.step is not None):
        raise InputError(f"study.space: {name}: a log range begins above 0 and has no step")
    if domain.step is not None and domain.step <= 0:
        raise InputError(f"study.space: {name}: step must be positive")
    return domain


def values_of(name: str, domain: Domain) -> list[ParamValue]:
    """All values of a domain.

    Raises:
        InputError: they have no end.
    """
    if isinstance(domain, Choices):
        return list(domain.values)
    step = domain.step or (1 if domain.is_whole else None)
    if step is None or domain.log:
        raise InputError(
            f"study: {name} has no end of values; give it choices or a step, or choose "
            "another sampler"
        )
    count = int((domain.high - domain.low) / step + 1e-9) + 1
    return [domain.low + k * step for k in range(count)]
