"""The search space of a study: conditional parameters named by the experiment's own keys."""

from dataclasses import replace
from itertools import product
from typing import Any

from optuna.trial import BaseTrial

from bench.errors import InputError
from bench.experiment import Experiment, StudySection
from mln.config import EvolutionConfig
from studies.outcome import Params, ParamValue

SPACE_VERSION = 1
"""Raised when a parameter is added, renamed or changes its kind: Optuna cannot resume over that."""

PREFIX = "evolution.settings."
MODE = PREFIX + "mode"
POPULATION = PREFIX + "population"
MUTATION_SIGMA = PREFIX + "genetic.mutation_sigma"
SWITCH_POINT = PREFIX + "switch_point"
NAMES = (MODE, POPULATION, MUTATION_SIGMA, SWITCH_POINT)


def suggest(trial: BaseTrial, section: StudySection) -> Params:
    """A trial's parameters; those that a mode does not use are absent.

    `genetic.mutation_sigma` belongs to the modes `ga` and `hybrid`, `switch_point` to `hybrid`.
    """
    mode = trial.suggest_categorical(MODE, section.modes)
    params: Params = {
        MODE: mode,
        POPULATION: trial.suggest_categorical(POPULATION, section.populations),
    }
    if mode in ("ga", "hybrid"):
        params[MUTATION_SIGMA] = trial.suggest_float(
            MUTATION_SIGMA, *section.mutation_sigma, log=True
        )
    if mode == "hybrid":
        params[SWITCH_POINT] = trial.suggest_float(SWITCH_POINT, *section.switch_point)
    return params


def apply(
    params: Params, settings: EvolutionConfig, *, budget: int | None = None
) -> EvolutionConfig:
    """The settings with a trial's parameters in place, and `budget` member-steps if given.

    Raises:
        ValueError: the settings are out of range, or a parameter is not one of NAMES.
    """
    tree: dict[str, Any] = {} if budget is None else {"budget": budget}
    for name, value in params.items():
        if name not in NAMES:
            raise ValueError(f"{name} is not in the search space (version {SPACE_VERSION})")
        _plant(tree, name.removeprefix(PREFIX).split("."), value)
    applied: EvolutionConfig = _replaced(settings, tree)
    return applied


def check(experiment: Experiment) -> None:
    """Refuse a search space in which some trial could not be run, before anything is written.

    Raises:
        InputError: an empty or reversed range, or settings that exclude each other.
    """
    section, evolution = experiment.study, experiment.evolution
    if section is None or evolution is None:
        raise InputError(f"experiment {experiment.name!r} has no [study] section; add one")
    for key in ("modes", "populations"):
        choices = getattr(section, key)
        if not choices or len(set(choices)) < len(choices):
            raise InputError(f"study.{key}: needs at least one choice, each once: {choices}")
    for key in ("mutation_sigma", "switch_point"):
        low, high = getattr(section, key)
        if not low <= high:
            raise InputError(f"study.{key}: the range must rise, not [{low}, {high}]")
    if section.rungs > section.budget:
        raise InputError(f"study.rungs: at most one per member-step of {section.budget}")
    ends = product(section.modes, section.populations, section.mutation_sigma, section.switch_point)
    for values in ends:
        params: Params = dict(zip(NAMES, values, strict=True))
        try:
            apply(params, evolution.settings, budget=section.budget)
        except ValueError as error:
            raise InputError(f"study: a trial would be invalid: {error}") from error


def _plant(tree: dict[str, Any], path: list[str], value: ParamValue) -> None:
    for part in path[:-1]:
        tree = tree.setdefault(part, {})
    tree[path[-1]] = value


def _replaced(config: Any, tree: dict[str, Any]) -> Any:
    """All changes of one dataclass at once: its checks never see half of them."""
    changes = {
        name: _replaced(getattr(config, name), value) if isinstance(value, dict) else value
        for name, value in tree.items()
    }
    return replace(config, **changes)
