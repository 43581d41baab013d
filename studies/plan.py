"""What a study will do, from its experiment alone: its space, its slots, its points of judgement.

A mistake is found here, before anything is written.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from bench.errors import InputError
from bench.experiment.checks import check_validation, check_vector_loss
from bench.experiment.model import EvolutionSection, Experiment
from bench.experiment.study import (
    BUDGET,
    MIN_EVOLUTION_SEEDS,
    AblateStudy,
    ConfirmStudy,
    ScreenStudy,
    StudyBase,
    TuningStudy,
)
from bench.tasks.resolve import resolve
from mln.config import EvolutionConfig, LossSpec
from mln.random import generator
from studies.ablating import ablated_cells, ablated_space
from studies.domains import Choices, Range
from studies.objectives import second_of
from studies.outcome import Params
from studies.seeds import Use, study_seed
from studies.space import SPACE, Parameter, Space, tuned_space


class KnownSlot(NamedTuple):
    """A slot whose parameters are known beforehand; its origin is one of ORIGINS or a variant's
    name."""

    origin: str
    params: Params


@dataclass(frozen=True)
class StudyPlan:
    """The slots of a study: `total` of them, and what is known of the first ones."""

    space: Space
    total: int
    known: tuple[KnownSlot, ...]


def study_of(experiment: Experiment) -> StudyBase:
    """The experiment's [study]; InputError if it has none."""
    if experiment.study is None or experiment.evolution is None:
        raise InputError(f"experiment {experiment.name}: has no [study] section; add one")
    return experiment.study


def space_of(experiment: Experiment) -> Space:
    """The space of the experiment's study; an ablation's is that of its factors.

    Raises:
        InputError: there is no study, or a name, a value or a domain in it is not valid.
    """
    study, evolution = study_of(experiment), experiment.evolution
    assert evolution is not None
    if isinstance(study, AblateStudy):
        return ablated_space(study, evolution)
    assert isinstance(study, TuningStudy)
    space = tuned_space(study, evolution)
    if isinstance(study, ScreenStudy) and study.cost:
        budgets = Parameter(BUDGET, Choices(points(study)))
        space = Space((*space.parameters, budgets), space.fixed, space.base)
    return space


def plan(experiment: Experiment, incumbent: Params | None = None) -> StudyPlan:
    """The study's plan, checked. incumbent: what another study found best, if one is named.

    Raises:
        InputError: some trial could not be run, or what is to be tried first does not fit.
    """
    study, space = study_of(experiment), space_of(experiment)
    _check(study, space)
    if isinstance(study, AblateStudy):
        cells = ablated_cells(study, space)
        return StudyPlan(space, len(cells), tuple(KnownSlot("cell", cell) for cell in cells))
    assert isinstance(study, TuningStudy)
    known = _tried_first(study, space, incumbent)
    if study.sampler == "brute":
        cells = _shuffled(space.cells(), experiment.seed)
        enqueued = [slot.params for slot in known]
        known += [KnownSlot("cell", cell) for cell in cells if cell not in enqueued]
        total = min(study.trials or len(known), len(known))
        return StudyPlan(space, total, tuple(known))
    if study.sampler == "none":
        if not known:
            raise InputError("study.sampler: 'none' tries what is named alone; add study.variants")
        return StudyPlan(space, len(known), tuple(known))
    _check_sampler(study, space)
    return StudyPlan(space, study.trials or len(known), tuple(known))


def points(study: ScreenStudy) -> tuple[int, ...]:
    """The points of the budget, in member-steps, at which a screen judges; the last is the whole.

    Each is `reduction` times the one before, up to rounding down.
    """
    first = study.budget // study.reduction ** (study.rungs - 1)
    return (*(first * study.reduction**rung for rung in range(study.rungs - 1)), study.budget)


def instances(root: int, study: ConfirmStudy) -> list[tuple[int, int]]:
    """The (evolution seed, task) pairs of a confirmation in the order they are tried.

    MIN_EVOLUTION_SEEDS evolution seeds at a time are shuffled with all tasks: the first instances
    come from several evolutions, so that the test that may stop a trial does not depend on one of
    them; and a trial that is stopped there does not pay for the other seeds.
    """
    rng = generator(study_seed(root, Use.ORDER))
    seeds = rng.permutation(study.seeds)
    order: list[tuple[int, int]] = []
    for at in range(0, study.seeds, MIN_EVOLUTION_SEEDS):
        block = list(product(seeds[at : at + MIN_EVOLUTION_SEEDS].tolist(), range(study.tasks)))
        order += [block[k] for k in rng.permutation(len(block))]
    return order


def least_budget(study: StudyBase) -> int:
    """The fewest member-steps that an evolution of the study may have to do with."""
    if isinstance(study, ScreenStudy):
        return points(study)[0]
    return min((study.budget, *(study.budgets if isinstance(study, AblateStudy) else ())))


def seeds_of(study: StudyBase) -> int:
    """Evolutions of a trial that is not stopped."""
    return study.seeds if isinstance(study, ConfirmStudy | AblateStudy) else 1


def most_member_steps(experiment: Experiment) -> int:
    """Member-steps of all evolutions of the experiment's study, if none is stopped early."""
    study, planned = study_of(experiment), plan(experiment)
    own = [int(slot.params.get(BUDGET, study.budget)) for slot in planned.known[: planned.total]]
    return seeds_of(study) * (sum(own) + (planned.total - len(own)) * study.budget)


def _tried_first(study: TuningStudy, space: Space, incumbent: Params | None) -> list[KnownSlot]:
    """What is tried first, each configuration once: the incumbent, the defaults, the variants,
    the user's own."""
    slots: list[KnownSlot] = []

    def add(origin: str, params: Params, where: str) -> None:
        valid = space.validated(params, where)
        if all(valid != other.params for other in slots):
            slots.append(KnownSlot(origin, valid))

    own = space.of(space.base)
    if isinstance(study, ConfirmStudy):
        where = f"the best of study {study.incumbent_from!r}" if incumbent else "[evolution]"
        add("incumbent", own | {k: v for k, v in (incumbent or {}).items() if k in own}, where)
        if study.paper_defaults:
            defaults = EvolutionSection(
                families=space.base.families, loss=LossSpec(), settings=EvolutionConfig()
            )
            add("paper", space.of(defaults), "study.paper_defaults")
    for name, changes in study.variants.items():
        add(name, own | changes, f"study.variants.{name}")
    for at, params in enumerate(study.enqueue):
        add("enqueued", params, f"study.enqueue, entry {at + 1}")
    return slots


def _shuffled(cells: list[Params], root: int) -> list[Params]:
    order = generator(study_seed(root, Use.ORDER)).permutation(len(cells))
    return [cells[k] for k in order]


def _check(study: StudyBase, space: Space) -> None:
    """Refuse what would fail in some trial."""
    families = [resolve(name) for name in study.families]
    if len(set(families)) < len(families):
        raise InputError("study.families: a family is named twice")
    if isinstance(study, ScreenStudy) and points(study)[0] < 1:
        raise InputError(f"study.rungs: too many for a budget of {study.budget}")
    budget = least_budget(study)
    for params in _corners(space):
        params.pop(BUDGET, None)
        try:
            evolution = space.apply(params, budget=budget)
        except ValueError as error:
            own = {key.rpartition(".")[2]: value for key, value in params.items()}
            what = f"the first point ({budget} member-steps): " if budget < study.budget else ""
            raise InputError(f"study: a trial would be invalid: {what}{error}: {own}") from error
        evolved_on = [resolve(name) for name in evolution.families]
        validated_on = [resolve(name) for name in evolution.validation]
        check_vector_loss(evolution.loss, (*evolved_on, *validated_on, *families))
        check_validation(
            "study",
            validated_on,
            {"which evolution draws from": evolved_on, "which the study judges on": families},
        )


def evolved_on(experiment: Experiment) -> list[str]:
    """The families that any trial of the study draws from, to evolve or to validate, by name."""
    study, space = study_of(experiment), space_of(experiment)
    varied = [space.base]
    if isinstance(study, AblateStudy):
        varied = [space.apply(cell, budget=study.budget) for cell in ablated_cells(study, space)]
    return sorted({name for one in varied for name in (*one.families, *one.validation)})


def _corners(space: Space) -> Iterator[Params]:
    """For each way to decide what has an effect: all low, all high, and each value between."""
    deciding = {name for parameter in SPACE for name, _ in parameter.when}
    switches = [p for p in space.parameters if p.name in deciding]
    others = [p for p in space.parameters if p.name not in deciding]
    for values in product(*(_ends(parameter) for parameter in switches)):
        chosen = dict(zip((p.name for p in switches), values, strict=True))
        low = chosen | {p.name: _ends(p)[0] for p in others}
        high = chosen | {p.name: _ends(p)[-1] for p in others}
        variants = [low, high]
        variants += [all_ | {p.name: v} for p in others for v in _ends(p) for all_ in (low, high)]
        for variant in variants:
            yield space.pick(variant)


def _ends(parameter: Parameter) -> Sequence[str | int | float]:
    domain = parameter.domain
    if isinstance(domain, Range):
        return domain.low, domain.high
    numbers = [value for value in domain.values if isinstance(value, int | float)]
    return sorted(numbers) if len(numbers) == len(domain.values) else domain.values


def _check_sampler(study: TuningStudy, space: Space) -> None:
    """GP, CMA-ES and QMC need one fixed set of parameters, CMA-ES numbers alone."""
    if study.sampler not in ("gp", "cmaes", "qmc"):
        return
    if study.sampler == "cmaes" and second_of(study):
        raise InputError("study.sampler: 'cmaes' has one objective; choose another, or drop one")
    if space.is_conditional:
        raise InputError(
            f"study.sampler: {study.sampler!r} needs a fixed mode: give {_deciding(space)} one "
            "value in study.space, or choose another sampler"
        )
    words = [p.name for p in space.parameters if isinstance(p.domain, Choices)]
    if study.sampler == "cmaes" and words:
        raise InputError(
            f"study.sampler: 'cmaes' tunes numbers alone: fix {words[0]!r} or give it a range"
        )
    if study.sampler == "cmaes" and len(space.parameters) < 2:
        raise InputError("study.sampler: 'cmaes' needs two or more parameters")


def _deciding(space: Space) -> str:
    free = {parameter.name for parameter in space.parameters}
    named = [name for p in space.parameters for name, _ in p.when if name in free]
    return " and ".join(map(repr, dict.fromkeys(named)))
