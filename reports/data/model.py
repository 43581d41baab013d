"""Everything that a report shows, as data frames."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from bench.describing.model import TaskDescription
from bench.experiment.model import Experiment
from bench.policies import POLICIES
from reports.data.curves import Curves
from reports.data.scores import TEST_EXAMPLES, ReportScores
from reports.page import facts
from reports.verdicts.verdict import Rules

IDENTITY = ["task", "learner", "loss", "seed", "policy"]
REACHED = "reached_ce"
"""Whether a run reached tuned CE's accuracy within its budget; 0 where steps_to_ce is censored."""


@dataclass(frozen=True)
class ReportData:
    """Everything a report shows; an absent part is an empty frame.

    rows: IDENTITY, lr, parameter, status, one column per metric: what each policy chose; where a
        run diverged the declared metric is the declared worst score and `<metric>_raw` holds what
        was measured. Sorted by task, learner, loss, policy and seed, so that a comparison's rows
        are two contiguous blocks.
    curves: learning curves, one per row. seconds: what each run took, one per row.
    plan: what was to be run: task, learner, loss, seeds, steps (training steps of a run).
    configurations: every trained learner, one row per task, learner, loss, seed, lr and parameter:
        is_tuned, is_common, status, inner (the metric of tuning on inner_valid) and the declared
        metric; diverged runs have the worst score of both.
    tuning: what tuning tried and chose, per task, learner and loss
        (`reports.data.response.tuning_summary`).
    evolutions: loss, run, fitness, member_steps.
    history: loss and one row per generation: phase (ga or es), member_steps, best, median, ...
    shapes: loss, kind (value or gradient), target (1: true class, 0: a rival), p, y.
    trials: slot, number, state, value, member_steps, and one column per parameter.
    intermediate: number, step, value. importances: name, share.
    missing: IDENTITY, reason.
    descriptions: what was understood of the tasks; none of results that were computed elsewhere.
    """

    experiment: Experiment
    rows: pd.DataFrame
    curves: Curves
    seconds: "np.ndarray[Any, np.dtype[np.float64]]"
    plan: pd.DataFrame
    configurations: pd.DataFrame
    tuning: pd.DataFrame
    evolutions: pd.DataFrame
    history: pd.DataFrame
    shapes: pd.DataFrame
    trials: pd.DataFrame
    intermediate: pd.DataFrame
    importances: pd.DataFrame
    missing: pd.DataFrame
    provenance: dict[str, Any]
    descriptions: tuple[TaskDescription, ...] = ()

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics, the declared one first."""
        declared = self.experiment.report.metric
        fixed = {*IDENTITY, "lr", "parameter", "status", f"{declared}_raw", declared, REACHED}
        fixed.add(TEST_EXAMPLES)
        return [declared, *(name for name in self.rows.columns if name not in fixed)]

    @cached_property
    def scores(self) -> ReportScores:
        """The rows by task, learner, loss and policy."""
        sizes = {each.task: each.examples.get("test", 0) for each in self.descriptions}
        return ReportScores(self.rows, self.plan, self.experiment.report, self.budget, sizes)

    @cached_property
    def policies(self) -> tuple[str, ...]:
        """The policies that the rows were chosen by, the primary one first."""
        present = dict.fromkeys(self.rows["policy"])
        known = [name for name in POLICIES if name in present]
        return (*known, *(name for name in present if name not in known))

    @property
    def policy(self) -> str:
        """The policy that verdicts are given under."""
        return self.policies[0]

    @property
    def is_given(self) -> bool:
        """Whether the results were computed elsewhere (`reports.data.given`)."""
        return False

    def reproduction(self) -> dict[str, Any]:
        """What it takes to run it again, as report.json holds it."""
        return facts.reproduction(self.experiment)

    def facts(self) -> dict[str, Any]:
        """The same for the page."""
        provenance = self.provenance
        return facts.facts(
            self.experiment, provenance["fingerprint"], provenance["cells"], provenance["run"]
        )

    @property
    def losses(self) -> tuple[str, ...]:
        """All losses, the evolved ones last."""
        return tuple(dict.fromkeys(self.plan["loss"]))

    @property
    def evolved(self) -> tuple[str, ...]:
        """The evolved losses: independent runs of the method."""
        return self.experiment.evolved_losses()

    @property
    def candidates(self) -> tuple[str, ...]:
        """Losses from files and the evolved ones; without any, all that are no baselines."""
        return self.experiment.candidates()

    @property
    def saved(self) -> tuple[str, ...]:
        """The candidates that were read from a file: fixed losses, not runs of the method."""
        benchmark = self.experiment.benchmark
        named = benchmark.saved_losses if benchmark else ()
        return tuple(name for name in self.candidates if name in named)

    @property
    def tasks(self) -> list[str]:
        """All tasks, those without a result included."""
        return list(dict.fromkeys(self.plan["task"]))

    @property
    def budget(self) -> int:
        """Training steps of the longest run."""
        return int(self.plan["steps"].max()) if len(self.plan) else 1


def rules_of(data: ReportData) -> Rules:
    """The rules that the experiment declared."""
    report = data.experiment.report
    return Rules(report.direction, report.rope, report.alpha)
