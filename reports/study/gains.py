"""What tuning gained: winner minus default, per task."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from reports.data.model import rules_of
from reports.page.table import Table, interval_text
from reports.page.wording import PLUS_MINUS, counted, unit_of
from reports.stats.crossed import Crossed, crossed
from reports.study.data import StudyData
from reports.verdicts import gate
from reports.verdicts.cells import decision_cells
from reports.verdicts.decision import Decision, Question, decide


class Gain(NamedTuple):
    """What tuning gained on one task.

    differences (runs, seeds): winner minus default, paired in both, in the metric's unit. crossed:
    their mean and interval, runs and seeds both drawn.
    """

    task: str
    differences: "np.ndarray[Any, np.dtype[np.float64]]"
    crossed: Crossed
    decision: Decision


def gains_of(data: StudyData) -> list[Gain]:
    """Winner minus default per task, one Holm family; empty unless both were benchmarked."""
    winner, default = data.winner, data.default
    if winner is None or default is None:
        return []
    rules, metric = rules_of(winner), winner.experiment.report.metric
    tables = [part.scores.matrix(part.policy) for part in (winner, default)]
    runs = [run for run in winner.evolved if run in default.evolved]
    planned = int(winner.plan["seeds"].max())
    learners = dict(winner.plan[["task", "learner"]].itertuples(index=False, name=None))
    compared, questions = [], []
    for task in winner.tasks:
        pair = [table.get(task) for table in tables]
        if any(scores is None or not set(runs) <= set(scores) for scores in pair):
            continue
        first, second = (scores[runs].dropna() for scores in pair if scores is not None)
        seeds = first.index.intersection(second.index)
        differences = (first.loc[seeds] - second.loc[seeds]).to_numpy().T
        refusals = [*gate.too_few(len(runs), "run"), *gate.too_few(len(seeds), "seed")]
        if len(seeds) < planned:
            refusals.append(f"{planned - len(seeds)} of {counted(planned, 'paired seed')} missing")
        learner = learners[task]
        blocks = [
            part.scores.block(task, learner, run, part.policy)
            for part in (winner, default)
            for run in runs
        ]
        if winner.scores.all_diverged(*blocks[: len(runs)]) and default.scores.all_diverged(
            *blocks[len(runs) :]
        ):
            refusals.append(gate.ALL_DIVERGED)
        steps = [part.scores.resolution(task, metric) for part in (winner, default)]
        known = [step for step in steps if step is not None]
        interval = crossed(
            differences, confidence=1 - rules.alpha, resolution=max(known, default=None)
        )
        compared.append((task, differences, interval))
        questions.append(
            Question(
                f"The winner on {task}", "the default", differences.mean(axis=1),
                np.zeros(len(runs)), tuple(refusals), interval,
            )
        )  # fmt: skip
    decisions = decide(questions, rules, unit_of(metric), "run")
    return [Gain(*parts, decision) for parts, decision in zip(compared, decisions, strict=True)]


def gain_table(data: StudyData, gains: Sequence[Gain]) -> Table:
    """What tuning gained: one row per task."""
    report = data.experiment.report
    unit = unit_of(report.metric)
    shown, tags, notes = [], {}, {}
    for place, gain in enumerate(gains):
        # The interval is the crossed analysis's, the rest the decision's own.
        _, _, *judged = decision_cells(gain.decision, unit)
        shown.append(
            [
                gain.task,
                unit.gain(gain.crossed.estimate),
                interval_text(gain.crossed.low, gain.crossed.high, unit),
                *judged,
            ]
        )
        tags[place, 6], notes[place, 6] = gain.decision.verdict, gain.decision.reason
    runs, seeds = gains[0].differences.shape
    frame = pd.DataFrame(
        [
            {"task": g.task, "runs": runs, "seeds": seeds, "mean_difference": g.crossed.estimate,
             "ci_low": g.crossed.low, "ci_high": g.crossed.high,
             "p": g.decision.numbers.p if g.decision.numbers else None,
             "p_holm": g.decision.p_holm, "verdict": g.decision.verdict}
            for g in gains
        ]
    )  # fmt: skip
    percent = f"{100 * (1 - report.alpha):g} %"
    favourable = "positive" if report.direction == "maximise" else "negative"
    return Table(
        name="gains",
        title="Winner minus default on fresh seeds",
        caption=(
            f"Test {report.metric}, tuned per seed, in {unit.difference}; n = {runs} evolution "
            "runs x "
            f"{seeds} test seeds, paired in both; {percent} t interval for crossed runs and seeds, "
            "not corrected; p: the larger of a sign-flip test over runs and the crossed t test, "
            f"Holm over {counted(len(gains), 'task')}; ROPE {PLUS_MINUS}{unit.value(report.rope)}; "
            f"{favourable} values favour the winner."
        ),
        numbers=frame,
        shown=pd.DataFrame(
            shown,
            columns=["task", f"difference ({unit.difference})", f"{percent} CI", "p", "Holm p",
                     "runs won", "verdict"],
        ),
        tags=tags,
        notes=notes,
    )  # fmt: skip
