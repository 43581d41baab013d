"""Two stored runs of the same experiment, compared row by row.

Runs are two rows.csv of a significance report: A, the earlier one, and B.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from bench.catalogue.metrics import Metric
from bench.errors import InputError
from bench.policies import title_of
from reports import stats
from reports.data.cells import USABLE
from reports.data.metrics import comparable_metric, declares_share
from reports.data.model import IDENTITY
from reports.page.wording import counted, unit_of
from reports.regression.read import read_run
from reports.verdicts.decision import Decision, Question, decide
from reports.verdicts.gate import refusal_lines, too_few
from reports.verdicts.kinds import is_decided, label_of, tone_of
from reports.verdicts.verdict import Rules, is_coarse

KEYS = ["task", "learner", "loss", "policy"]
ALPHA = 0.05
MAX_NAMED = 5
"""Changes whose reason for not being called equivalent the findings name."""


class Change(NamedTuple):
    """B minus A of one loss on one task: rows in both, rows that differ, largest difference."""

    task: str
    learner: str
    loss: str
    policy: str
    paired: int
    changed: int
    largest: float
    decision: Decision | None

    def as_json(self) -> dict[str, Any]:
        """Plain values by name; no numbers of a test where nothing changed."""
        numbers = self.decision.numbers if self.decision else None
        return {
            **{name: getattr(self, name) for name in (*KEYS, "paired", "changed", "largest")},
            "mean_difference": numbers.mean_difference if numbers else 0.0,
            "ci_low": numbers.ci_low if numbers else 0.0,
            "ci_high": numbers.ci_high if numbers else 0.0,
            "p": numbers.p if numbers and self.verdict != "refused" else None,
            "p_holm": self.decision.p_holm if self.decision else None,
            "verdict": self.verdict,
            "reason": self.decision.reason if self.decision else "every row is the same",
        }

    @property
    def label(self) -> str:
        """The verdict in words."""
        return label_of(self.decision.verdict) if self.decision else "unchanged"

    @property
    def verdict(self) -> str:
        """The verdict on B, or `unchanged`."""
        return self.decision.verdict if self.decision else "unchanged"


@dataclass(frozen=True)
class Regression:
    """What differs between two runs, A and B.

    only_a, only_b: rows without a partner. statuses: rows that changed status. joined: all rows,
    those of both runs side by side.
    """

    metric: str
    rules: Rules
    changes: tuple[Change, ...]
    only_a: pd.DataFrame
    only_b: pd.DataFrame
    statuses: pd.DataFrame
    joined: pd.DataFrame

    @property
    def is_clean(self) -> bool:
        """Whether every row has a partner, no status changed and nothing is worse."""
        worse = any(tone_of(change.verdict) == "unfavourable" for change in self.changes)
        return not (worse or len(self.only_a) or len(self.only_b) or len(self.statuses))

    @property
    def refused(self) -> int:
        """Comparisons that the gate refused."""
        return sum(change.verdict == "refused" for change in self.changes)

    @property
    def answer(self) -> str:
        """One sentence: does B do as well as A?"""
        rows = sum(change.paired for change in self.changes)
        changed = sum(change.changed for change in self.changes)
        alone = len(self.only_a) + len(self.only_b)
        more = f"; {counted(alone, 'row')} without a partner" if alone else ""
        if not changed:
            return f"Nothing changed: all {counted(rows, 'common row')} are the same{more}."
        tones = Counter(tone_of(change.verdict) for change in self.changes)
        pairs = counted(len(self.changes), "comparison")
        if not tones["favourable"] and not tones["unfavourable"]:
            return (
                f"Nothing is shown to be better or worse: {changed} of {counted(rows, 'row')} "
                f"differ, but in none of {pairs} is B shown to differ from A{more}."
            )
        return (
            f"B is worse than A in {tones['unfavourable'] or 'none'} of {pairs} and better in "
            f"{tones['favourable'] or 'none'}{more}."
        )

    @property
    def findings(self) -> tuple[str, ...]:
        """What changed, in sentences."""
        unit = unit_of(self.metric)
        rows = sum(change.paired for change in self.changes)
        changed = sum(change.changed for change in self.changes)
        if not changed:
            return (f"All {counted(rows, 'common row')} are the same in {self.metric}.",)
        largest = max(self.changes, key=lambda change: change.largest)
        counts = Counter(change.label for change in self.changes)
        parts = [f"{count} {label}" for label, count in counts.most_common()]
        sentences = [
            f"{changed} of {counted(rows, 'common row')} differ in {self.metric}, by up to "
            f"{unit.value(largest.largest)} {unit.difference} ({largest.loss} on {largest.task}).",
            f"B against A, {counted(len(self.changes), 'comparison')}: {'; '.join(parts)}.",
        ]
        sentences += [
            f"{change.loss} on {change.task}, {title_of(change.policy)}: {change.decision.sentence}"
            for change in self.changes
            if change.decision and is_decided(change.verdict)
        ]
        sentences += [
            f"{change.loss} on {change.task}, {title_of(change.policy)}, is not called equivalent: "
            f"{change.decision.reason}."
            for change in self.changes
            if change.decision
            and change.decision.numbers
            and change.verdict == "inconclusive"
            and is_coarse(change.decision.numbers, self.rules)
        ][:MAX_NAMED]
        return tuple(sentences)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know first."""
        refused = (change for change in self.changes if change.verdict == "refused")
        reasons = (change.decision.reason for change in refused if change.decision)
        lines = []
        if len(self.only_a):
            lines.append(f"{counted(len(self.only_a), 'row')} of A missing in B.")
        if len(self.only_b):
            lines.append(f"{counted(len(self.only_b), 'row')} of B missing in A.")
        if len(self.statuses):
            lines.append(f"{counted(len(self.statuses), 'row')} changed status.")
        return (*lines, *refusal_lines(reasons))


def compare_rows(
    first: str | Path,
    second: str | Path,
    *,
    metric: str = "accuracy",
    rope: float | None = None,
) -> Regression:
    """Compare two rows.csv.

    `rope`: by default the one declared for the metric. Raises InputError for a file that is no
    rows.csv, for runs without a common row or score, and for a metric that is not in both.
    """
    known = comparable_metric(metric)
    if known is None:
        raise InputError(f"--metric {metric!r}: neither direction nor ROPE of it is declared")
    a, b = (read_run(Path(path), known) for path in (first, second))
    identity = [*IDENTITY]
    joined = a.merge(b, on=identity, how="outer", suffixes=("_a", "_b"), indicator="side")
    joined = joined.sort_values(identity, ignore_index=True)
    both = joined[joined["side"] == "both"]
    if both.empty:
        raise InputError(f"{second}: has no row in common with {first}; compare runs of one grid")
    scored = both[[f"{metric}_a", f"{metric}_b"]]
    if scored.isna().all(axis=None):
        raise InputError(f"{second}: no row that {first} has too has a score in {metric}")
    steps = float(scored.max().max()) if known.is_time else 1.0
    both = _with_worst_scores(both, known, steps)
    rules = Rules(known.direction, known.rope * steps if rope is None else rope, ALPHA)
    alone = both[f"{metric}_a"].notna() != both[f"{metric}_b"].notna()
    if alone.any():
        run = both.loc[alone, identity].iloc[0]
        named = ", ".join(f"{name} {value}" for name, value in run.items())
        raise InputError(
            f"{counted(int(alone.sum()), 'row')} of {first} and {second} with a score in {metric} "
            f"in one of them alone, first {named}"
        )
    changes = _changes(both, metric, rules)
    statuses = both[both["status_a"] != both["status_b"]][[*identity, "status_a", "status_b"]]
    only_a = joined[joined["side"] == "left_only"][identity]
    only_b = joined[joined["side"] == "right_only"][identity]
    return Regression(
        metric, rules, tuple(changes), only_a, only_b, statuses, joined.drop(columns="side")
    )


def _with_worst_scores(both: pd.DataFrame, known: Metric, steps: float) -> pd.DataFrame:
    """Rows in which a diverged run without a score has the worst one of the metric."""
    filled = both.copy()
    for side in "ab":
        lost = (filled[f"status_{side}"] == "diverged") & filled[f"{known.name}_{side}"].isna()
        filled.loc[lost, f"{known.name}_{side}"] = known.worst * (steps if known.is_time else 1.0)
    return filled


def _resolutions(both: pd.DataFrame, metric: str) -> dict[str, float | None]:
    """The step between two scores of one run, by task, as the scores of both runs show it."""
    found = {}
    for task, own in both.groupby("task"):
        ended = [own[own[f"status_{side}"] == "done"] for side in "ab"]
        scores = [part[f"{metric}_{side}"] for part, side in zip(ended, "ab", strict=True)]
        seeds = [*ended[0]["seed"], *ended[1]["seed"]]
        found[str(task)] = stats.resolution_of(
            np.concatenate(scores), seeds, are_shares=bool(declares_share(metric))
        )
    return found


def _changes(both: pd.DataFrame, metric: str, rules: Rules) -> list[Change]:
    """One change per task, loss and policy; those that differ form one Holm family."""
    groups = []
    scored = both.dropna(subset=[f"{metric}_a", f"{metric}_b"])
    for key, part in scored.groupby(KEYS, sort=True):
        usable = part[part["status_a"].isin(USABLE) & part["status_b"].isin(USABLE)]
        a, b = (usable[f"{metric}_{side}"].to_numpy(dtype=float) for side in "ab")
        task, learner, loss, policy = map(str, key)
        groups.append(((task, learner, loss, policy), a, b))
    differing = [(key, a, b) for key, a, b in groups if (a != b).any()]
    steps = _resolutions(both, metric)
    questions = [
        Question("B", "A", b, a, too_few(len(a), "seed"), resolution=steps.get(key[0]))
        for key, a, b in differing
    ]
    decisions = decide(questions, rules, unit_of(metric), "seed", sensitivity=False)
    by_key = {key: one for (key, _, _), one in zip(differing, decisions, strict=True)}
    return [
        Change(
            *key, len(a), int((a != b).sum()), float(abs(b - a).max(initial=0.0)), by_key.get(key)
        )
        for key, a, b in groups
    ]
