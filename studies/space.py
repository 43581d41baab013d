"""The search space: every setting that a study may tune, by the experiment's own dotted keys."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, get_args

from optuna.trial import BaseTrial

from bench.errors import InputError, nearest
from bench.experiment.model import EvolutionSection, with_settings
from bench.experiment.study import BUDGET, VARIANT, TuningStudy
from mln.search.config import StrategyKind
from studies.domains import Choices, Domain, Range, contains, domain_of, spell, values_of
from studies.outcome import Params, ParamValue

SPACE_VERSION = 2
"""Raised when a parameter is added, renamed or changes its kind: Optuna cannot resume over that."""


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
            values = values_of(parameter.name, parameter.domain)
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
    named = {*(study.tune or ()), *study.space}
    wanted = named | (set(BY_NAME) if study.tune is None else set())
    if BUDGET in wanted:
        raise InputError(f"study.space: {BUDGET} is equal for all trials; use study.budget")
    if evolution.start_from is not None:
        # The form of the loss is that of the file.
        if forms := sorted(name for name in named if name.startswith(LOSS_PREFIX)):
            raise InputError(f"study: {forms[0]!r} cannot vary beside evolution.start_from")
        wanted = {name for name in wanted if not name.startswith(LOSS_PREFIX)}
    fixed: Params = {}
    parameters = []
    for name in ordered(wanted):
        given = study.space.get(name)
        if given is not None and not isinstance(given, list | dict | tuple):
            fixed[name] = given
            continue
        parameter = BY_NAME.get(name)
        domain = domain_of(name, given) if given is not None else BY_NAME[name].domain
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
