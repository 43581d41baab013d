"""What tuning gained: winner minus default, per task."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from reports.data.load import rules_of
from reports.page.table import Table
from reports.page.wording import PLUS_MINUS, counted, p_cell, unit_of
from reports.stats.crossed import Crossed, crossed
from reports.study.data import StudyData
from reports.verdicts import gate
from reports.verdicts.decision import Decision, Question, decide
from reports.verdicts.sentences import LABELS


class Gain(NamedTuple):
    """Winner minus default on one task; `gains` (runs, seeds) are paired in both."""

    task: str
    gains: "np.ndarray[Any, np.dtype[np.float64]]"
    both: Crossed
    decision: Decision


def bought(data: StudyData) -> list[Gain]:
    """Winner minus default per task, one Holm family; empty unless both were benchmarked."""
    winner, default = data.winner, data.default
    if winner is None or default is None:
        return []
    rules, metric = rules_of(winner), winner.experiment.report.metric
    tables = [part.scores.matrix("tuned") for part in (winner, default)]
    runs = [run for run in winner.evolved if run in default.evolved]
    found = []
    for task in winner.tasks:
        pair = [table.get(task) for table in tables]
        if any(scores is None or not set(runs) <= set(scores) for scores in pair):
            continue
        first, second = (scores[runs].dropna() for scores in pair if scores is not None)
        seeds = first.index.intersection(second.index)
        gains = (first.loc[seeds] - second.loc[seeds]).to_numpy().T
        refusals = [*gate.too_few(len(runs), "run"), *gate.too_few(len(seeds), "seed")]
        planned = int(winner.plan["seeds"].max())
        if len(seeds) < planned:
            refusals.append(f"{planned - len(seeds)} of {counted(planned, 'paired seed')} missing")
        found.append((task, gains, tuple(refusals)))
    both = [crossed(gains, confidence=1 - rules.alpha) for _, gains, _ in found]
    questions = [
        Question(
            f"The winner on {task}", "the default", gains.mean(axis=1), np.zeros(len(runs)),
            refusals, one,
        )
        for (task, gains, refusals), one in zip(found, both, strict=True)
    ]  # fmt: skip
    decisions = decide(questions, rules, unit_of(metric), "run")
    return [
        Gain(task, gains, one, decision)
        for (task, gains, _), one, decision in zip(found, both, decisions, strict=True)
    ]


def gain_table(data: StudyData, gains: Sequence[Gain]) -> Table:
    """What tuning bought per task."""
    report = data.experiment.report
    unit = unit_of(report.metric)
    shown, tags, notes = [], {}, {}
    for place, gain in enumerate(gains):
        tested = gain.decision.verdict != "refused"
        numbers = gain.decision.numbers
        shown.append(
            [
                gain.task,
                unit.gain(gain.both.estimate),
                f"[{unit.value(gain.both.low)}, {unit.value(gain.both.high)}]",
                p_cell(numbers.p) if numbers and tested else unit.value(None),
                p_cell(gain.decision.p_holm),
                f"{numbers.wins}/{numbers.n}" if numbers else unit.value(None),
                LABELS[gain.decision.verdict],
            ]
        )
        tags[place, 6], notes[place, 6] = gain.decision.verdict, gain.decision.reason
    runs, seeds = gains[0].gains.shape
    frame = pd.DataFrame(
        [
            {"task": g.task, "runs": runs, "seeds": seeds, "mean_difference": g.both.estimate,
             "ci_low": g.both.low, "ci_high": g.both.high,
             "p": g.decision.numbers.p if g.decision.numbers else None,
             "p_holm": g.decision.p_holm, "verdict": g.decision.verdict}
            for g in gains
        ]
    )  # fmt: skip
    return Table(
        name="bought",
        title="Winner minus default on fresh seeds",
        caption=(
            f"Test {report.metric}, tuned rate, in {unit.difference}; n = {runs} evolution runs x "
            f"{seeds} test seeds, paired in both; {100 * (1 - report.alpha):g} % t interval for "
            "crossed runs and seeds, not corrected; p: the larger of a sign-flip test over runs "
            f"and the crossed t test, Holm over {counted(len(gains), 'task')}; ROPE "
            f"{PLUS_MINUS}{unit.value(report.rope)}; "
            f"{'positive' if rules_of(data.winner).sign > 0 else 'negative'} "
            "values favour the winner."
            if data.winner
            else ""
        ),
        numbers=frame,
        shown=pd.DataFrame(
            shown,
            columns=["task", f"difference ({unit.difference})", "95 % CI", "p", "Holm p",
                     "runs won", "verdict"],
        ),
        tags=tags,
        notes=notes,
    )  # fmt: skip
