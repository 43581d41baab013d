"""What is declared of given results, and the experiment that says so to a report."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from bench.catalogue.metrics import STEPS_TO_CE, declared
from bench.errors import InputError, nearest
from bench.experiment.model import Experiment
from reports.data.given.columns import Columns
from reports.data.model import REACHED
from reports.page.wording import counted

Direction = Literal["maximise", "minimise"]

DEFAULT_BASELINES = ("ce", "mse")
EVOLVED = re.compile(r"^mln_\d+( \[.*\])?$")
"""How the suite names the losses of independent evolution runs."""


@dataclass(frozen=True)
class Terms:
    """What is declared of given results; None: as the metric declares, or the default.

    metric: the compared column, by default the only one that can be it. baselines: by default
    those of ce and mse that are there. candidates: by default the evolved losses (named mln_1,
    mln_2, ...), or without any all that are no baselines. direction: needed of a metric that the
    catalogue does not know. rope: the difference, +-, that is practically none; of such a metric
    0 by default, with which nothing can be equivalent. worst: the score of a diverged run; needed
    of such a metric where a run diverged. alpha: the level of all tests. steps: training steps
    of a run, by default the last step of the curves. tuned_by: the metric of the column inner,
    by default the compared one. test_examples: of how many test examples a score is a share, by
    default a column of that name, or else as the scores show it. name: of the report.
    """

    metric: str | None = None
    baselines: tuple[str, ...] | None = None
    candidates: tuple[str, ...] | None = None
    direction: Direction | None = None
    rope: float | None = None
    worst: float | None = None
    alpha: float = 0.05
    steps: int | None = None
    tuned_by: str | None = None
    test_examples: int | None = None
    name: str | None = None


class Declared(NamedTuple):
    """The terms with nothing left open; experiment: what a report reads of them."""

    experiment: Experiment
    candidates: tuple[str, ...]
    runs: tuple[str, ...]
    steps: int | None
    has_rope: bool

    def as_json(self) -> dict[str, Any]:
        """What was declared, by name."""
        report = self.experiment.report
        return {
            **report.model_dump(mode="json"),
            "candidates": list(self.candidates),
            "tuned_by": self.experiment.tuning.metric,
            "steps": self.steps,
        }


def declare(columns: Columns, terms: Terms, curve_steps: int | None) -> Declared:
    """Complete the terms by what the metric declares; curve_steps: the last step of the curves.

    Raises InputError for terms that do not fit the table.
    """
    _check_numbers(terms)
    baselines = _baselines(columns, terms)
    candidates, runs = _candidates(columns, terms, baselines)
    steps = terms.steps or curve_steps or _censored_at(columns)
    report = _report(columns, terms, steps) | {"baselines": baselines, "alpha": terms.alpha}
    frame = columns.frame
    seeds = int(frame.groupby("task")["seed"].nunique().max())
    name = terms.name or re.sub(r"[^A-Za-z0-9_.-]+", "-", Path(columns.name).stem).strip("-")
    valid = Experiment.model_validate(
        {
            "name": name or "results",
            "description": _described(columns, seeds),
            "benchmark": {
                "tasks": columns.tasks,
                "losses": columns.losses,
                "evolved": False,
                "seeds": seeds,
            },
            "report": {"baselines": baselines},
        }
    )
    if valid.benchmark is None:
        raise ValueError("an experiment without its benchmark")
    training = replace(valid.benchmark.training, steps=steps or 1)
    tuning: dict[str, Any] = {"metric": terms.tuned_by or columns.metric}
    common = _common_rate(columns)
    if common is not None:
        tuning["common_rate"] = common
    # Unchecked: a metric need not be of the catalogue.
    experiment = valid.model_copy(
        update={
            "report": valid.report.model_copy(update=report),
            "tuning": valid.tuning.model_copy(update=tuning),
            "benchmark": valid.benchmark.model_copy(update={"training": training}),
        }
    )
    return Declared(experiment, candidates, runs, steps, bool(report["rope"]))


def _check_numbers(terms: Terms) -> None:
    if not 0 < terms.alpha < 1:
        raise InputError(f"alpha is {terms.alpha:g}; it lies between 0 and 1, as 0.05")
    if terms.rope is not None and not (np.isfinite(terms.rope) and terms.rope >= 0):
        raise InputError(f"rope is {terms.rope:g}; it is a difference, +-, at or above 0")
    if terms.worst is not None and not np.isfinite(terms.worst):
        raise InputError(f"worst is {terms.worst:g}; it is a finite score")
    if terms.steps is not None and terms.steps < 1:
        raise InputError(f"steps is {terms.steps}; a run has one training step at least")
    if terms.test_examples is not None and terms.test_examples < 1:
        raise InputError(f"test_examples is {terms.test_examples}; a test split has one at least")
    if terms.name and not re.fullmatch(r"[A-Za-z0-9_.-]{1,100}", terms.name):
        raise InputError(f"name {terms.name!r}: use letters, digits, '_', '.' and '-'")
    if terms.direction not in (None, "maximise", "minimise"):
        raise InputError(f"direction {terms.direction!r}: choose maximise or minimise")


def _report(columns: Columns, terms: Terms, steps: int | None) -> dict[str, Any]:
    """Metric, direction, ROPE and worst score."""
    name, known = columns.metric, declared(columns.metric)
    if terms.tuned_by and terms.tuned_by != name and declared(terms.tuned_by) is None:
        raise InputError(f"tuned_by {terms.tuned_by!r}: neither the metric nor one that is known")
    diverged = int((columns.frame["status"] == "diverged").sum())
    if known is None:
        if terms.direction is None:
            raise InputError(
                f"metric {name!r} is none that is known: declare whether more of it is better "
                "(--direction maximise) or less (--direction minimise)"
            )
        if diverged and terms.worst is None:
            raise InputError(
                f"{columns.name}: {counted(diverged, 'run')} diverged: declare the score that "
                f"each has in {name} (--worst)"
            )
        return {
            "metric": name,
            "direction": terms.direction,
            "rope": terms.rope or 0.0,
            "worst": terms.worst or 0.0,
        }
    if terms.direction not in (None, known.direction):
        raise InputError(f"metric {name!r} needs direction {known.direction}")
    if known.is_time and steps is None:
        raise InputError(f"metric {name!r} needs the training steps of a run (--steps)")
    own = {"rope": known.rope_after(steps or 1), "worst": known.worst_after(steps or 1)}
    given = {"rope": terms.rope, "worst": terms.worst}
    own |= {key: value for key, value in given.items() if value is not None}
    return {"metric": name, "direction": known.direction, **own}


def _baselines(columns: Columns, terms: Terms) -> tuple[str, ...]:
    losses = columns.losses
    if terms.baselines:
        _require_losses(columns, terms.baselines, "baseline")
        return tuple(dict.fromkeys(terms.baselines))
    known = tuple(name for name in DEFAULT_BASELINES if name in losses)
    if not known:
        raise InputError(
            f"{columns.name}: no loss is named {' or '.join(DEFAULT_BASELINES)}: declare what to "
            f"compare with (--baseline, or baselines=) among {', '.join(losses)}"
        )
    return known


def _candidates(
    columns: Columns, terms: Terms, baselines: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The candidates, and those of them that are evolution runs."""
    if terms.candidates:
        _require_losses(columns, terms.candidates, "candidate")
        both = [name for name in terms.candidates if name in baselines]
        if both:
            raise InputError(f"loss {both[0]!r} is both a baseline and a candidate")
        chosen = tuple(dict.fromkeys(terms.candidates))
    else:
        others = tuple(name for name in columns.losses if name not in baselines)
        chosen = tuple(name for name in others if EVOLVED.match(name)) or others
    if not chosen:
        raise InputError(
            f"{columns.name}: has no loss beside {', '.join(baselines)}, so nothing to compare; "
            "declare fewer baselines (--baseline, or baselines=)"
        )
    return chosen, tuple(name for name in chosen if EVOLVED.match(name))


def _require_losses(columns: Columns, names: tuple[str, ...], what: str) -> None:
    for name in names:
        if name not in columns.losses:
            hint = nearest(name, columns.losses)
            raise InputError(f"{what} {name!r}: {columns.name} has no such loss{hint}")


def _censored_at(columns: Columns) -> int | None:
    """Training steps of a run, from those that never reached their threshold."""
    if not {STEPS_TO_CE, REACHED} <= set(columns.frame):
        return None
    censored = columns.frame.loc[columns.frame[REACHED] == 0, STEPS_TO_CE].dropna()
    return int(censored.max()) if len(censored) else None


def _common_rate(columns: Columns) -> float | None:
    frame = columns.frame
    common = frame["is_common"]
    if "policy" in frame:
        common = frame["policy"] == "common"
    rates = frame.loc[common, "lr"].dropna()
    return float(rates.iloc[0]) if len(rates) else None


def _described(columns: Columns, seeds: int) -> str:
    return (
        f"{counted(len(columns.frame), 'result')} from {Path(columns.name).name}: "
        f"{counted(len(columns.tasks), 'task')}, {counted(len(columns.losses), 'loss', 'losses')}, "
        f"{counted(seeds, 'seed')}. Paired by task, learner and seed: two results with the same "
        "three are taken for runs that differ in the loss and its tuning alone."
    )
