"""The search space: every setting that a study may tune, by the experiment's own dotted keys."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, get_args

from optuna.trial import BaseTrial

from bench.errors import InputError, nearest
from bench.experiment.model import EvolutionSection, with_settings
from bench.experiment.study import BUDGET, RANGE_KEYS, VARIANT, TuningStudy
from mln.search.config import StrategyKind
from studies.outcome import Params, ParamValue

SPACE_VERSION = 2
"""Raised when a parameter is added, renamed or changes its kind: Optuna cannot resume over that."""


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


@dataclass(frozen=True)
class Parameter:
    """A tunable setting; `when` lists what other settings must be for this one to have an effect.

    That may name settings that are no parameters: they are the experiment's.
    """

    name: str
    domain: Domain
    when: tuple[tuple[str, tuple[ParamValue, ...]], ...] = ()


SETTINGS_PREFIX = "evolution.settings."
LOSS_PREFIX = "evolution.loss."
MODE = SETTINGS_PREFIX + "mode"
POPULATION = SETTINGS_PREFIX + "population"
SWITCH_POINT = SETTINGS_PREFIX + "switch_point"
MUTATION_SIGMA = SETTINGS_PREFIX + "genetic.mutation_sigma"
STRATEGY = SETTINGS_PREFIX + "strategy.kind"

_GA = (MODE, ("ga", "hybrid"))
_ES = (MODE, ("es", "hybrid"))
_DRAWS = (MODE, ("ga", "hybrid", "random"))
_DECAYS = (SETTINGS_PREFIX + "genetic.sigma_schedule", ("exponential",))
_NETWORK = (LOSS_PREFIX + "kind", ("network",))

SPACE: tuple[Parameter, ...] = (
    Parameter(MODE, Choices(("ga", "es", "hybrid"))),
    Parameter(POPULATION, Range(8, 48, step=4)),
    Parameter(SWITCH_POINT, Range(0.1, 0.9), ((MODE, ("hybrid",)),)),
    Parameter(SETTINGS_PREFIX + "genetic.selection", Choices(("tournament", "truncation")), (_GA,)),
    Parameter(SETTINGS_PREFIX + "genetic.crossover", Choices(("uniform", "blend", "sbx")), (_GA,)),
    Parameter(MUTATION_SIGMA, Range(0.02, 0.5, log=True), (_DRAWS,)),
    Parameter(SETTINGS_PREFIX + "genetic.sigma_decay", Range(0.9, 1.0), (_GA, _DECAYS)),
    Parameter(SETTINGS_PREFIX + "genetic.gene_rate", Range(0.1, 1.0), (_DRAWS,)),
    Parameter(SETTINGS_PREFIX + "genetic.elites", Range(1, 6), (_DRAWS,)),
    Parameter(STRATEGY, Choices(get_args(StrategyKind)), (_ES,)),
    Parameter(SETTINGS_PREFIX + "strategy.sigma", Range(0.02, 0.5, log=True), (_ES,)),
    Parameter(
        SETTINGS_PREFIX + "strategy.learning_rate",
        Range(0.01, 0.5, log=True),
        (_ES, (STRATEGY, ("openai-es",))),
    ),
    Parameter(
        SETTINGS_PREFIX + "strategy.mean_rate",
        Range(0.1, 1.0),
        (_ES, (STRATEGY, ("snes", "sep-cma-es"))),
    ),
    Parameter(SETTINGS_PREFIX + "tasks_per_generation", Range(4, 24, step=4)),
    Parameter(SETTINGS_PREFIX + "training.steps", Range(50, 200, step=50)),
    Parameter(SETTINGS_PREFIX + "coevolution", Choices(("fresh", "lifetime", "persistent"))),
    Parameter(LOSS_PREFIX + "features", Choices(("p,y", "logp,p,y", "logit,y")), (_NETWORK,)),
    Parameter(
        LOSS_PREFIX + "head", Choices(("identity", "softplus", "residual", "gate")), (_NETWORK,)
    ),
)

BY_NAME = {parameter.name: parameter for parameter in SPACE}


@dataclass(frozen=True)
class Space:
    """The free parameters of one study, in the order they are asked for, and what is fixed.

    base: the evolution with the fixed settings in place; it answers for what is not tuned.
    lists: parameters whose values are lists or tables; Optuna gets them as JSON. variants: what
    each value of the parameter VARIANT changes; one that is not there changes nothing.
    """

    parameters: tuple[Parameter, ...]
    fixed: Params
    base: EvolutionSection
    lists: frozenset[str] = frozenset()
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def suggest(self, trial: BaseTrial) -> Params:
        """A trial's parameters; those that have no effect under the others are absent."""
        return self.walk(lambda parameter: _suggest(trial, parameter))

    def walk(self, choose: Callable[[Parameter], ParamValue]) -> Params:
        """Values for the parameters that have an effect, each chosen by `choose(parameter)`."""
        params: Params = {}
        for parameter in self.parameters:
            if is_active(parameter, params, self.base):
                params[parameter.name] = choose(parameter)
        return params

    def pick(self, values: Params) -> Params:
        """Those of the values, one for each parameter, that have an effect."""
        return self.walk(lambda parameter: values[parameter.name])

    def apply(self, params: Params, *, budget: int | None = None) -> EvolutionSection:
        """The evolution with a trial's parameters, and `budget` member-steps unless it has its own.

        Raises:
            ValueError: the settings are out of range or exclude each other.
        """
        own: dict[str, Any] = {} if budget is None else {BUDGET: budget}
        for name, value in params.items():
            if name == VARIANT:
                own |= self.variants.get(str(value), {})
            else:
                own[name] = json.loads(str(value)) if name in self.lists else value
        return with_settings(self.base, own)

    def validated(self, params: Mapping[str, Any], where: str) -> Params:
        """A configuration to be tried, without the parameters that have no effect in it.

        Optuna ignores a name it does not know and uses a value out of range: both are refused.

        Raises:
            InputError: a name that is not free, a value outside its domain, or none for one.
        """
        names = [parameter.name for parameter in self.parameters]
        for name, value in params.items():
            if name in self.fixed and self.fixed[name] == value:
                continue
            if name not in names:
                hint = nearest(name, names)
                raise InputError(f"{where}: {name!r} is not tuned by this study{hint}")

        def choose(parameter: Parameter) -> ParamValue:
            if parameter.name not in params:
                raise InputError(f"{where}: no value for {parameter.name!r}; add one")
            value: ParamValue = params[parameter.name]
            if not contains(parameter.domain, value):
                raise InputError(
                    f"{where}: {parameter.name} = {value!r} is outside of "
                    f"{spell(parameter.domain)}; widen study.space"
                )
            return value

        return self.walk(choose)

    def of(self, evolution: EvolutionSection) -> Params:
        """What an evolution has for this space's parameters.

        Raises:
            InputError: a parameter is no setting of the evolution.
        """
        params = {}
        for name in (parameter.name for parameter in self.parameters):
            value = setting(evolution, name)
            params[name] = json.dumps(value) if name in self.lists else value
        return params

    def cells(self) -> list[Params]:
        """Every distinct configuration of a space of choices and stepped ranges.

        Raises:
            InputError: a range without steps has no end of values.
        """
        cells: list[Params] = [{}]
        for parameter in self.parameters:
            values = _values(parameter)
            cells = [
                cell | {parameter.name: value} if active else cell
                for cell in cells
                for active in [is_active(parameter, cell, self.base)]
                for value in (values if active else values[:1])
            ]
        return cells

    @property
    def is_conditional(self) -> bool:
        """Whether a free parameter decides if another has an effect."""
        free = {parameter.name for parameter in self.parameters}
        return any(name in free for parameter in self.parameters for name, _ in parameter.when)


def tuned_space(study: TuningStudy, evolution: EvolutionSection) -> Space:
    """The space of a study: what `tune` names, with the domains that `space` replaces.

    Raises:
        InputError: an unknown name, or a domain that makes no sense.
    """
    known = [*BY_NAME, *study.space]
    for name in study.tune or ():
        if name not in known:
            raise InputError(f"study.tune: {name!r} is no parameter{nearest(name, known)}")
    if study.tune is not None and len(set(study.tune)) < len(study.tune):
        raise InputError("study.tune: a parameter is named twice")
    # A name in `space` alone is free too: who narrows a parameter wants it tuned.
    wanted = set(BY_NAME if study.tune is None else study.tune) | set(study.space)
    if BUDGET in wanted:
        raise InputError(f"study.space: {BUDGET} is equal for all trials; use study.budget")
    fixed: Params = {}
    parameters = []
    for name in ordered(wanted):
        given = study.space.get(name)
        if given is not None and not isinstance(given, list | dict | tuple):
            fixed[name] = given
            continue
        parameter = BY_NAME.get(name)
        domain = _domain(name, given) if given is not None else BY_NAME[name].domain
        parameters.append(
            replace(parameter, domain=domain) if parameter else Parameter(name, domain)
        )
    try:
        base = with_settings(evolution, fixed)
    except ValueError as error:
        raise InputError(f"study.space: {error}") from error
    return Space(tuple(parameters), fixed, base)


def ordered(names: Iterable[str]) -> list[str]:
    """Names in the order of the space, others by name; what decides over others comes first."""
    wanted = set(names)
    own = sorted(wanted - set(BY_NAME))
    deciding = {name for parameter in SPACE for name, _ in parameter.when}
    return [
        *(name for name in own if name in deciding),
        *(name for name in BY_NAME if name in wanted),
        *(name for name in own if name not in deciding),
    ]


def is_active(parameter: Parameter, params: Params, base: EvolutionSection) -> bool:
    """Whether a parameter has an effect beside the others, or beside what the experiment has."""
    for name, allowed in parameter.when:
        value = params[name] if name in params else setting(base, name)
        if value not in allowed:
            return False
    return True


def setting(evolution: EvolutionSection, name: str) -> Any:
    """The evolution's value of a dotted key.

    Raises:
        InputError: the evolution has no such key.
    """
    place: Any = evolution
    for part in name.split(".")[1:]:
        if not hasattr(place, part):
            raise InputError(f"{name!r} is no setting of the evolution")
        place = getattr(place, part)
    return list(place) if isinstance(place, tuple) else place


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


def _domain(name: str, given: Any) -> Domain:
    """A domain from TOML: a list of choices, or a table {low, high, log, step}."""
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


def _suggest(trial: BaseTrial, parameter: Parameter) -> ParamValue:
    name, domain = parameter.name, parameter.domain
    if isinstance(domain, Choices):
        chosen: Any = trial.suggest_categorical(name, domain.values)
        known: ParamValue = chosen
        return known
    if domain.is_whole:
        step = int(domain.step or 1)
        return trial.suggest_int(name, int(domain.low), int(domain.high), log=domain.log, step=step)
    return trial.suggest_float(name, domain.low, domain.high, log=domain.log, step=domain.step)


def _values(parameter: Parameter) -> list[ParamValue]:
    domain = parameter.domain
    if isinstance(domain, Choices):
        return list(domain.values)
    step = domain.step or (1 if domain.is_whole else None)
    if step is None or domain.log:
        raise InputError(
            f"study: {parameter.name} has no end of values; give it choices or a step, or choose "
            "another sampler"
        )
    count = int((domain.high - domain.low) / step + 1e-9) + 1
    return [domain.low + k * step for k in range(count)]
