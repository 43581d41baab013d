"""The cells of an ablation: of crossed factors, of one left out at a time, of named variants."""

import json
from dataclasses import replace

from bench.errors import InputError
from bench.experiment.model import EvolutionSection, with_settings
from bench.experiment.study import BUDGET, VARIANT, AblateStudy
from studies.domains import Choices
from studies.outcome import Params
from studies.space import BY_NAME, Parameter, Space, is_active, ordered

EQUAL_FOR_ALL = (BUDGET, "evolution.runs", "evolution.settings_from_study")
"""What no cell of an ablation may change."""


def ablated_space(study: AblateStudy, evolution: EvolutionSection) -> Space:
    """The space of an ablation's factors, or of the names of its variants.

    Raises:
        InputError: a factor or a variant is not valid.
    """
    space = _variants(study, evolution) if study.variants else _factors(study, evolution)
    if not study.budgets:
        return space
    budgets = Parameter(BUDGET, Choices(study.levels[BUDGET]))
    return replace(space, parameters=(*space.parameters, budgets))


def _factors(study: AblateStudy, evolution: EvolutionSection) -> Space:
    parameters, lists = [], set()
    for name in ordered(study.factors):
        values = study.factors[name]
        if not values or len(set(map(repr, values))) < len(values):
            raise InputError(f"study.factors: {name}: needs at least one value, each once")
        if name in EQUAL_FOR_ALL:
            raise InputError(f"study.factors: {name!r} cannot be a factor: it is equal for all")
        if any(isinstance(value, list | dict) for value in values):
            lists.add(name)
            values = tuple(map(json.dumps, values))
        known = BY_NAME.get(name)
        parameters.append(Parameter(name, Choices(values), known.when if known else ()))
    return Space(tuple(parameters), {}, evolution, frozenset(lists))


def _variants(study: AblateStudy, evolution: EvolutionSection) -> Space:
    """One parameter, the name of the variant; the reference is the evolution as it is."""
    names = study.levels[VARIANT]
    cells: dict[str, EvolutionSection] = {}
    least = min(study.budgets or (study.budget,))
    for name in names:
        changes = study.variants.get(name, {})
        equal = next((key for key in changes if key in EQUAL_FOR_ALL), None)
        if equal is not None:
            raise InputError(f"study.variants: {name!r} sets {equal!r}, which is equal for all")
        try:
            cell = with_settings(evolution, {BUDGET: least, **changes})
        except ValueError as error:
            raise InputError(f"study.variants: {name!r}: {error}") from error
        same = next((other for other in cells if cells[other] == cell), None)
        if same is not None:
            raise InputError(f"study.variants: {name!r} is the same as {same!r}")
        cells[name] = cell
    return Space((Parameter(VARIANT, Choices(names)),), {}, evolution, variants=study.variants)


def ablated_cells(study: AblateStudy, space: Space) -> list[Params]:
    """Every distinct cell; of a leave-one-out and of variants the base first."""
    if study.design != "leave_one_out":
        return space.cells()
    own = space.of(space.base)
    base = space.pick(own)
    cells = [base]
    for parameter in space.parameters:
        assert isinstance(parameter.domain, Choices)
        if not is_active(parameter, base, space.base):
            raise InputError(
                f"study.factors: {parameter.name!r} has no effect in the base configuration"
            )
        for value in parameter.domain.values:
            cell = space.pick(own | {parameter.name: value})
            if cell not in cells:
                cells.append(cell)
    return cells
