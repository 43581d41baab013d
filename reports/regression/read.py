"""A stored run, read from the rows.csv of its report."""

from pathlib import Path

import numpy as np
import pandas as pd

from bench.catalogue.metrics import Metric
from bench.errors import InputError
from reports.data.given.columns import check_range, statuses_of
from reports.data.given.table import read_table
from reports.data.model import IDENTITY


def read_run(path: Path, metric: Metric) -> pd.DataFrame:
    """The rows of a run: IDENTITY, status and the metric, NaN where a row has no score.

    Raises InputError, with the line, for a file that is no rows.csv or whose rows cannot be those
    of a report: something else than a number or name, an infinite score, a score outside the
    metric's range, an unknown status, a row twice.
    """
    table = read_table(path)
    if "lr_policy" in table.frame and "policy" not in table.frame:
        raise InputError(
            f"{path}: has 'lr_policy' in place of 'policy': it is from an earlier release, which "
            "tuned otherwise; run the experiment again"
        )
    absent = [name for name in (*IDENTITY, "status") if name not in table.frame]
    if absent:
        raise InputError(f"{path}: has no column {absent[0]!r}; name the rows.csv of a report")
    if metric.name not in table.frame:
        raise InputError(f"{path}: has no column {metric.name!r}; choose a metric of this run")
    frame = pd.DataFrame(
        {
            name: table.integers(name) if name == "seed" else table.texts(name).to_numpy()
            for name in IDENTITY
        }
    )
    frame["status"] = statuses_of(table).to_numpy()
    frame[metric.name] = table.numbers_of(metric.name)
    done = frame["status"] == "done"
    check_range(table, metric.name, frame[metric.name].where(done), metric)
    twice = frame.duplicated(IDENTITY, keep=False).to_numpy()
    if twice.any():
        first = frame[IDENTITY].iloc[int(twice.argmax())]
        same = np.flatnonzero((frame[IDENTITY] == first).all(axis=1).to_numpy()).tolist()
        raise InputError(
            f"{path}: a row stands there twice ({table.lines(same)}); name the rows.csv of a report"
        )
    return frame
