"""Looking up the scores of a comparison: two blocks of rows, paired by seed."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.experiment.sections import ReportSection
from reports import stats
from reports.data.metrics import declares_share, worst_of
from reports.stats.types import Vector


class Block(NamedTuple):
    """Rows `first` to `last` (exclusive) of the report: one loss on one task under one policy."""

    first: int
    last: int

    def lines(self) -> tuple[int, int]:
        """First and last line of the block in rows.csv, whose first line is the header."""
        return self.first + 2, self.last + 1


class Paired(NamedTuple):
    """Scores of two losses on the seeds that both have."""

    seeds: NDArray[np.int64]
    candidate: Vector
    baseline: Vector


TEST_EXAMPLES = "test_examples"
"""The column of given results that says of how many examples a score is a share."""

COUNTED = ("accuracy", "accuracy_selected")
"""Metrics that are one share of the test examples each."""

Key = tuple[str, str, str, str]
"""task, learner, loss, policy"""


class ReportScores:
    """The rows of a report by (task, learner, loss, policy).

    rows, plan: as in `reports.data.model.ReportData`; budget: training steps of the longest run,
    the scale of times; test_sizes: the examples of test splits, by task, where that is known.
    """

    def __init__(
        self,
        rows: pd.DataFrame,
        plan: pd.DataFrame,
        report: ReportSection,
        budget: int,
        test_sizes: Mapping[str, int] | None = None,
    ) -> None:
        self._rows, self._plan = rows, plan
        self._report, self._budget = report, budget
        self._test_sizes = test_sizes or {}
        self._seeds = rows["seed"].to_numpy()
        self._diverged = (rows["status"] == "diverged").to_numpy()
        self.blocks = _blocks(rows)
        self._columns: dict[str, Vector] = {}
        self._resolutions: dict[tuple[str, str], float | None] = {}
        self._matrices: dict[tuple[str, str], dict[str, pd.DataFrame]] = {}

    def block(self, task: str, learner: str, loss: str, policy: str) -> Block:
        """Where the rows of a loss are; an empty block where there are none."""
        return self.blocks.get((task, learner, loss, policy), Block(0, 0))

    def of(self, block: Block, metric: str) -> tuple[NDArray[np.int64], Vector]:
        """Seeds and scores of a block, rows without a score left out.

        A diverged run has the declared worst score of the metric.
        """
        own = slice(block.first, block.last)
        values, seeds = self._column(metric)[own], self._seeds[own]
        present = np.isfinite(values)
        return seeds[present], values[present]

    def pairs(self, candidate: Block, baseline: Block, metric: str) -> Paired:
        """The scores of two blocks on their common seeds."""
        (seeds, a), (others, b) = self.of(candidate, metric), self.of(baseline, metric)
        if seeds.size == others.size and (seeds == others).all():
            return Paired(seeds, a, b)
        common, first, second = np.intersect1d(seeds, others, return_indices=True)
        return Paired(common, a[first], b[second])

    def of_comparison(
        self, task: str, learner: str, candidate: str, baseline: str, policy: str, metric: str
    ) -> Paired:
        """The scores of two losses on their common seeds."""
        first = self.block(task, learner, candidate, policy)
        return self.pairs(first, self.block(task, learner, baseline, policy), metric)

    def matrix(self, policy: str, metric: str | None = None) -> dict[str, pd.DataFrame]:
        """Per task, a metric (the declared one) as a frame (seeds, losses), NaN where missing.

        Diverged runs have the declared worst score; losses without any run have no column.
        """
        metric = metric or self._report.metric
        if (policy, metric) not in self._matrices:
            self._matrices[policy, metric] = self._matrix(policy, metric)
        return self._matrices[policy, metric]

    def _matrix(self, policy: str, metric: str) -> dict[str, pd.DataFrame]:
        columns: dict[str, dict[str, pd.Series]] = {}
        plan = self._plan[["task", "learner", "loss"]]
        for task, learner, loss in plan.itertuples(index=False, name=None):
            block = self.block(task, learner, loss, policy)
            if block.last > block.first:
                seeds, values = self.of(block, metric)
                columns.setdefault(task, {})[loss] = pd.Series(values, index=seeds)
        return {task: pd.DataFrame(series).sort_index() for task, series in columns.items()}

    def resolution(self, task: str, metric: str) -> float | None:
        """The step between two scores of one run on a task; None where it is not known.

        As declared by a column of test examples; else by the stored size of the test split, where
        the scores are shares of so many; else as the scores of all losses show it; of a share of
        examples, or a mean of such shares, that of accuracy.
        """
        if (task, metric) not in self._resolutions:
            self._resolutions[task, metric] = self._resolution(task, metric)
        return self._resolutions[task, metric]

    def _resolution(self, task: str, metric: str) -> float | None:
        rows = self._rows[(self._rows["task"] == task).to_numpy() & ~self._diverged]
        share = declares_share(metric)
        if TEST_EXAMPLES in rows and share is not False:
            examples = rows[TEST_EXAMPLES].dropna()
            if len(examples):
                percent = share is None and float(rows[metric].max()) > 1
                return (100.0 if percent else 1.0) / float(examples.min())
        names = [metric] if not share else [name for name in COUNTED if name in rows] or [metric]
        values = [rows[name].to_numpy(dtype=float) for name in names if name in rows]
        if not values:
            return None
        scores, known = np.concatenate(values), self._test_sizes.get(task)
        if share and known and stats.are_shares_of(scores, known):
            return 1 / known
        return stats.resolution_of(
            scores, rows["seed"].tolist() * len(values), are_shares=share is not False
        )

    def all_diverged(self, *blocks: Block) -> bool:
        """Whether blocks have rows, and every one of them diverged."""
        own = [self._diverged[block.first : block.last] for block in blocks]
        return all(part.size for part in own) and all(part.all() for part in own)

    def both_diverged(self, candidate: Block, baseline: Block) -> int:
        """Seeds on which both losses diverged."""
        lost = [
            self._seeds[block.first : block.last][self._diverged[block.first : block.last]]
            for block in (candidate, baseline)
        ]
        return int(np.intersect1d(lost[0], lost[1]).size)

    def diverged(self, block: Block) -> int:
        """Diverged runs of a block."""
        return int(self._diverged[block.first : block.last].sum())

    def _column(self, metric: str) -> Vector:
        if metric not in self._columns:
            rows, report = self._rows, self._report
            if metric in rows:
                values = rows[metric].to_numpy(dtype=float).copy()
            else:
                values = np.full(len(rows), np.nan)
            if metric != report.metric:  # the declared one has it already
                values[self._diverged] = worst_of(metric, report, self._budget)
            else:
                values[self._diverged] = report.worst
            self._columns[metric] = values
        return self._columns[metric]


def _blocks(rows: pd.DataFrame) -> dict[Key, Block]:
    """Contiguous blocks of sorted rows."""
    if rows.empty:
        return {}
    keys = rows[["task", "learner", "loss", "policy"]]
    change = np.zeros(len(rows), dtype=bool)
    change[0] = True
    for name in keys:
        column = pd.factorize(keys[name])[0]
        change[1:] |= column[1:] != column[:-1]
    starts = np.flatnonzero(change)
    ends = np.append(starts[1:], len(rows))
    return {
        (str(key[0]), str(key[1]), str(key[2]), str(key[3])): Block(int(first), int(last))
        for key, first, last in zip(
            keys.iloc[starts].itertuples(index=False, name=None), starts, ends, strict=True
        )
    }
