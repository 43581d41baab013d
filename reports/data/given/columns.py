"""The columns of a table of results: what they may hold, and which rows are one run twice."""

import re
from typing import NamedTuple

import numpy as np
import pandas as pd

from bench.catalogue.metrics import STEPS_TO_CE, Metric, declared
from bench.errors import InputError, nearest
from reports.data.given.table import ResultTable
from reports.data.model import REACHED
from reports.data.scores import TEST_EXAMPLES

RUN = ["task", "learner", "loss", "seed"]
CONFIGURATION = ["lr", "parameter"]
KNOWN = (
    *RUN, *CONFIGURATION, "policy", "status", "inner", "is_tuned", "is_common", REACHED,
    TEST_EXAMPLES,
)  # fmt: skip
STATUSES = ("done", "diverged", "failed")
NO_LEARNER = "unnamed"
ON_CURVE = re.compile(r"^(?P<metric>.+)@(?P<step>\d+)$")


class Columns(NamedTuple):
    """What a table of results holds.

    frame: RUN, lr and parameter (NaN where there are none), policy (where it was given), status,
    inner (where it was given), is_tuned, is_common, and a column per metric, the declared one
    first. metric: its name; others: those of the other ones. unused: columns that are no number
    and nothing known. renamed: tasks that several learners have. several: whether a seed has
    several results, among which policies choose.
    """

    name: str
    frame: pd.DataFrame
    metric: str
    others: tuple[str, ...]
    unused: tuple[str, ...]
    renamed: tuple[str, ...]
    several: bool

    @property
    def losses(self) -> tuple[str, ...]:
        """All losses in the order of the table."""
        return tuple(dict.fromkeys(self.frame["loss"]))

    @property
    def tasks(self) -> tuple[str, ...]:
        """All tasks in the order of the table."""
        return tuple(dict.fromkeys(self.frame["task"]))


def read_columns(table: ResultTable, metric: str | None, tuned_by: str | None) -> Columns:
    """Check a table of results and take what the report reads.

    metric: the declared one; None where one column alone can be it. tuned_by: the metric of the
    column inner, where it is another one. Raises InputError for whatever cannot be used.
    """
    table.require(("task", "loss", "seed"))
    metric = _metric(table, metric)
    frame = pd.DataFrame({name: table.texts(name) for name in ("task", "loss")})
    frame.insert(
        1, "learner", table.texts("learner", NO_LEARNER) if "learner" in table.frame else NO_LEARNER
    )
    frame["seed"] = table.integers("seed")
    for name in CONFIGURATION:
        frame[name] = table.numbers_of(name) if name in table.frame else np.nan
    if "policy" in table.frame:
        frame["policy"] = table.texts("policy")
    frame["status"] = statuses_of(table)
    if "inner" in table.frame:
        frame["inner"] = table.numbers_of("inner")
    for name, default in (("is_tuned", True), ("is_common", False)):
        frame[name] = table.booleans(name) if name in table.frame else default
    if (frame["status"] == "failed").all():
        raise InputError(f"{table.name}: every run failed, so there is nothing to report")
    frame[metric] = _scores(table, metric, frame["status"])
    others = tuple(name for name in _measured(table) if name != metric)
    for name in (*others, *([REACHED] if STEPS_TO_CE in others else [])):
        if name in table.frame:
            frame[name] = table.numbers_of(name)
    if TEST_EXAMPLES in table.frame:
        frame[TEST_EXAMPLES] = table.integers(TEST_EXAMPLES)
        if (frame[TEST_EXAMPLES] < 1).any():
            place = int((frame[TEST_EXAMPLES] < 1).to_numpy().argmax())
            raise InputError(f"{table.at(place)}: {TEST_EXAMPLES} is below 1")
    several = _repeats(table, frame)
    if several:
        _check_inner(table, frame, tuned_by or metric)
    frame, renamed = _one_learner_each(frame)
    read = {*KNOWN, metric, f"{metric}_raw", *others}
    unused = [c for c in table.names if c not in read and not ON_CURVE.match(c)]
    return Columns(table.name, frame, metric, others, tuple(unused), renamed, several)


def _metric(table: ResultTable, name: str | None) -> str:
    # A column with a few words among its numbers is meant: the words are then complained of.
    possible = _measured(table, share=0.5)
    # Where every run diverged nothing need have been measured.
    possible = possible or [name for name in table.names if (m := declared(name)) and m.on_test]
    if name is not None:
        if name in KNOWN or name not in table.frame:
            hint = nearest(name, possible)
            raise InputError(f"{table.name}: has no column {name!r} with scores{hint}")
        return name
    if not possible:
        raise InputError(f"{table.name}: has no column of scores beside {', '.join(table.names)}")
    if len(possible) > 1:
        raise InputError(
            f"{table.name}: several columns may be the metric; declare one (--metric, or "
            f"metric=): {', '.join(possible)}"
        )
    return possible[0]


def _measured(table: ResultTable, share: float = 1.0) -> list[str]:
    """Columns of numbers that are nothing else that is known; share: of numbers, at least."""
    return [
        name
        for name in table.names
        if name not in KNOWN
        and not ON_CURVE.match(name)
        and not (name.endswith("_raw") and name.removesuffix("_raw") in table.frame)
        and table.is_numeric(name, share)
    ]


def statuses_of(table: ResultTable) -> pd.Series:
    if "status" not in table.frame:
        return pd.Series("done", index=table.frame.index)
    statuses = table.texts("status", "done")
    wrong = ~statuses.isin(STATUSES).to_numpy()
    if wrong.any():
        place = int(wrong.argmax())
        raise InputError(
            f"{table.at(place)}: status is {statuses.iloc[place]!r}; valid are: "
            f"{', '.join(STATUSES)}"
        )
    return statuses


def _scores(table: ResultTable, metric: str, statuses: pd.Series) -> "pd.Series[float]":
    """The declared metric; of diverged runs what was measured, if it was."""
    values = pd.Series(table.numbers_of(metric))
    done = (statuses == "done").to_numpy()
    absent = values.isna().to_numpy() & done
    if absent.any():
        raise InputError(
            f"{table.at(int(absent.argmax()))}: {metric} is empty; a run without a score needs "
            "the status diverged or failed"
        )
    check_range(table, metric, values.where(done), declared(metric))
    diverged = (statuses == "diverged").to_numpy()
    if f"{metric}_raw" in table.frame and diverged.any():
        raw = table.numbers_of(f"{metric}_raw")
        values = values.mask(diverged, pd.Series(raw))
    return values


def check_range(
    table: ResultTable, column: str, values: "pd.Series[float]", known: Metric | None
) -> None:
    """A known metric in another unit, as per cent, would meet a ROPE that is not meant for it."""
    if known is None or known.is_time or column not in (known.name, "inner"):
        return
    high = np.inf if known.high is None else known.high
    outside = ((values < known.low) | (values > high)).to_numpy()
    if not outside.any():
        return
    place = int(outside.argmax())
    advice = "; divide per cent by 100" if known.high == 1.0 else ""
    raise InputError(
        f"{table.at(place)}: {column} is {values.iloc[place]:g}, but {known.name} lies "
        f"{'at or above 0' if known.high is None else f'between {known.low:g} and {high:g}'}"
        f"{advice}, or name the column otherwise"
    )


def _repeats(table: ResultTable, frame: pd.DataFrame) -> bool:
    """Whether seeds have several results to choose among; raises InputError where one is twice."""
    chosen = "policy" in frame
    if not chosen and not frame.duplicated(RUN).any():
        return False
    tuned = not chosen and "inner" in frame and "lr" in table.frame
    key = [*RUN, *(["policy"] if chosen else []), *(CONFIGURATION if tuned else [])]
    twice = frame.duplicated(key, keep=False)
    if not twice.any():
        return tuned
    groups = frame[twice].groupby(key, sort=False, dropna=False).indices
    places = np.flatnonzero(twice.to_numpy())[next(iter(groups.values()))].tolist()
    first = frame.iloc[places[0]]
    run = ", ".join(f"{name} {first[name]}" for name in key if name == "seed" or
                    (name in table.frame and pd.notna(first[name])))  # fmt: skip
    more = f" (and {len(groups) - 1} more such runs)" if len(groups) > 1 else ""
    way = "keep one of them"
    if not chosen and not tuned and frame.iloc[places][CONFIGURATION].nunique().any():
        way = (
            "keep one, or add a column inner, the score on a validation split by which each seed "
            "chooses among its learning rates"
        )
    raise InputError(f"{table.name}: {table.lines(places)} are one run ({run}){more}; {way}")


def _check_inner(table: ResultTable, frame: pd.DataFrame, tuned_by: str) -> None:
    needed = (frame["status"] == "done") & frame["is_tuned"]
    absent = (frame["inner"].isna() & needed).to_numpy()
    if absent.any():
        raise InputError(
            f"{table.at(int(absent.argmax()))}: inner is empty; seeds choose by it among several "
            "configurations"
        )
    if frame["lr"].isna().any():
        place = int(frame["lr"].isna().to_numpy().argmax())
        raise InputError(f"{table.at(place)}: lr is empty")
    check_range(table, "inner", frame["inner"].where(needed), declared(tuned_by))


def _one_learner_each(frame: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """A task that several learners have becomes one task for each, `task [learner]`."""
    counts = frame.groupby("task", sort=False)["learner"].nunique()
    several = tuple(str(task) for task in counts.index[counts > 1])
    if several:
        own = frame["task"].isin(several)
        frame["task"] = frame["task"].mask(own, frame["task"] + " [" + frame["learner"] + "]")
    return frame, several
