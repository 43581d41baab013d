"""Trials called by what they are: the mode and the sizes of their evolution."""

from typing import Any

from bench.experiment.study import BUDGET, VARIANT
from studies.outcome import Params
from studies.space import (
    MODE,
    MUTATION_SIGMA,
    POPULATION,
    SETTINGS_PREFIX,
    STRATEGY,
    SWITCH_POINT,
    Space,
    setting,
)

TASKS = SETTINGS_PREFIX + "tasks_per_generation"
STRATEGY_SIGMA = SETTINGS_PREFIX + "strategy.sigma"
HANDOVER = SETTINGS_PREFIX + "handover.when"


def trial_name(space: Space, params: Params) -> str:
    """A trial as "hybrid at .3, 16 x 60, GA .1, snes .08": mode and switch point, population x
    tasks of a generation, step sizes of the GA and of the ES; only what has an effect."""

    budget = millions(int(params[BUDGET])) if BUDGET in params else ""
    if VARIANT in params:
        return ", ".join(filter(None, [str(params[VARIANT]), budget]))

    def value(name: str) -> Any:
        return params[name] if name in params else setting(space.base, name)

    mode = value(MODE)
    parts = [str(mode)]
    if mode == "hybrid":
        at = "by stagnation" if value(HANDOVER) == "stagnation" else "at"
        parts = [f"hybrid {at} {brief(value(SWITCH_POINT))}"]
    parts.append(f"{value(POPULATION)} x {value(TASKS)}")
    if mode != "es":
        parts.append(f"{'draws' if mode == 'random' else 'GA'} {brief(value(MUTATION_SIGMA))}")
    if mode in ("es", "hybrid"):
        parts.append(f"{value(STRATEGY)} {brief(value(STRATEGY_SIGMA))}")
    return ", ".join(filter(None, [*parts, budget]))


def millions(member_steps: int) -> str:
    """A budget in short: 2 M, .5 M, 40 k."""
    if member_steps >= 100_000:  # half a million is .5 M
        return f"{brief(member_steps / 1e6)} M"
    return f"{brief(member_steps / 1e3)} k"


def brief(value: float) -> str:
    """Two digits, without a leading zero: .3, .025, 2, 1.5."""
    text = f"{value:.2g}"
    return text.replace("0.", ".", 1) if text.startswith("0.") else text
