"""Results that were computed elsewhere: a table of scores as the data of a report.

What is paired is decided by (task, learner, seed) alone: results with the same three are taken to
differ in nothing but the loss and how it was tuned, which the suite cannot see for itself.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from bench.catalogue.metrics import STEPS_TO_CE, declared
from bench.policies import PRIMARY
from reports.data import search
from reports.data.curves import Curves
from reports.data.given.choices import all_given, chosen
from reports.data.given.columns import Columns, read_columns
from reports.data.given.curves import curves_of
from reports.data.given.table import ResultTable
from reports.data.given.terms import Declared, Terms, declare
from reports.data.load import with_time_to_ce, with_worst_scores
from reports.data.model import REACHED, ReportData
from reports.data.order import ordered
from reports.data.scores import TEST_EXAMPLES
from reports.page.facts import versions


class Source(NamedTuple):
    """Where given results come from.

    name: of the table. rows: how many results it has. unused: its columns that the report does
    not read. renamed: tasks that several learners have, which became one task for each.
    has_rope: whether a difference is declared that is practically none.
    """

    name: str
    rows: int
    unused: tuple[str, ...] = ()
    renamed: tuple[str, ...] = ()
    has_rope: bool = True


@dataclass(frozen=True)
class GivenData(ReportData):
    """Data of a table that was given; `experiment` holds what is declared of it and no more.

    compared: the candidates; runs: those of them that are evolution runs; declared: the terms.
    """

    source: Source = field(default_factory=lambda: Source("", 0))
    compared: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    declared: dict[str, Any] = field(default_factory=dict)

    @property
    def is_given(self) -> bool:
        """True: the suite did not train what is reported."""
        return True

    @property
    def candidates(self) -> tuple[str, ...]:
        """The losses that are compared with the baselines."""
        return self.compared

    @property
    def saved(self) -> tuple[str, ...]:
        """None: what a table's losses were read from is not known."""
        return ()

    @property
    def evolved(self) -> tuple[str, ...]:
        """The independent evolution runs among them, by their names mln_1, mln_2, ..."""
        return self.runs

    def reproduction(self) -> dict[str, Any]:
        """Library versions and what was declared."""
        return {"report_versions": versions(), "configuration": {"report": self.declared}}

    def facts(self) -> dict[str, Any]:
        """The same for the page, and the digest of the results."""
        return {
            "sentences": {
                "Results": self.source.name,
                "Digest of their values": self.provenance["fingerprint"],
            },
            "versions": {f"{name} (report)": text for name, text in versions().items()},
            "details": {"Declared": self.declared},
        }


def given(results: ResultTable, terms: Terms, curves: ResultTable | None = None) -> GivenData:
    """A report's data from a table with one row per trained learner.

    Columns: task, loss, seed and the metric. Optional: learner; status (done, diverged, failed);
    lr and parameter; inner, the score on a validation split; is_tuned and is_common, which
    configurations tuning chooses among and which one is declared (configurations.csv of a report
    has them); policy, of rows that were chosen before (rows.csv has it); any metric of the
    catalogue; curves as columns `metric@step`. Where a seed has several rows, told apart by lr
    and parameter, the policies of `bench.policies` choose one by inner; else there is one policy
    named given.

    Raises InputError for whatever cannot be used.
    """
    columns = read_columns(results, terms.metric, terms.tuned_by)
    if terms.test_examples is not None:
        columns.frame[TEST_EXAMPLES] = terms.test_examples
    stored = curves_of(columns, results, curves)
    known = declare(columns, terms, int(stored.steps.max()) if len(stored.steps) else None)
    experiment = known.experiment
    if columns.several:
        choice = chosen(columns, experiment, known.steps)
    else:
        choice = all_given(columns, experiment)
    plan = _plan(columns, known)
    own = stored.take(choice.places) if len(stored) else stored
    rows = _rows(columns, known, choice.rows, choice.places)
    if columns.several and len(own) and STEPS_TO_CE not in rows and PRIMARY in set(rows["policy"]):
        rows = with_time_to_ce(rows, own, plan)
    trials, intermediate, importances = search.no_study()
    evolutions, history, shapes = search.no_evolutions()
    return GivenData(
        experiment=experiment,
        rows=rows,
        curves=own,
        seconds=np.full(len(rows), np.nan),
        plan=plan,
        configurations=choice.configurations,
        tuning=choice.tuning,
        evolutions=evolutions,
        history=history,
        shapes=shapes,
        trials=trials,
        intermediate=intermediate,
        importances=importances,
        missing=choice.missing,
        provenance={
            "fingerprint": _fingerprint(columns, own),
            "run": {},
            "seeds": {},
            "cells": {},
            "mixed_processors": 0,
            "source": results.name,
            "paired_by": ["task", "learner", "seed"],
            "unused_columns": list(columns.unused),
        },
        source=Source(
            results.name, len(columns.frame), columns.unused, columns.renamed, known.has_rope
        ),
        compared=known.candidates,
        runs=known.runs,
        declared=known.as_json(),
    )


def _plan(columns: Columns, known: Declared) -> pd.DataFrame:
    """Every loss on every task, with the seeds that the task has by any loss."""
    frame, steps = columns.frame, known.steps or 1
    records = [
        (task, learner, loss, int(own["seed"].nunique()), steps)
        for (task, learner), own in frame.groupby(["task", "learner"], sort=False)
        for loss in columns.losses
    ]
    plan = pd.DataFrame(records, columns=["task", "learner", "loss", "seeds", "steps"])
    return ordered(known.experiment, plan)[0]


def _rows(
    columns: Columns, known: Declared, rows: pd.DataFrame, places: "np.ndarray[Any, Any]"
) -> pd.DataFrame:
    """The rows with their metrics; without the training steps of a run none of times."""
    names = [columns.metric, *sorted(columns.others)]
    names += [name for name in (REACHED, TEST_EXAMPLES) if name in columns.frame]
    if known.steps is None:
        timed = {name for name in names if (metric := declared(name)) and metric.is_time}
        names = [name for name in names if name not in timed and name != REACHED]
    scores = columns.frame.iloc[places][names].reset_index(drop=True)
    return with_worst_scores(pd.concat([rows, scores], axis=1), known.experiment.report)


def _fingerprint(columns: Columns, curves: Curves) -> str:
    """A digest of all that is read of the table; its order is part of it, since it breaks ties."""
    digest = hashlib.sha256(columns.frame.to_csv(index=False).encode())
    digest.update(curves.steps.tobytes())
    for name, values in sorted(curves.values.items()):
        digest.update(name.encode() + values.tobytes())
    return digest.hexdigest()
