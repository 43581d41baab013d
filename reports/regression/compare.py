"""Two stored runs of the same experiment, compared row by row.

Runs are two rows.csv of a significance report: A, the earlier one, and B.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from bench.errors import InputError
from bench.policies import title_of
from reports.data.cells import USABLE
from reports.data.metrics import comparable_metric
from reports.data.model import IDENTITY
from reports.page.wording import counted, unit_of
from reports.verdicts.decision import Decision, Question, decide
from reports.verdicts.gate import refusal_lines, too_few
from reports.verdicts.kinds import is_decided, label_of, tone_of
from reports.verdicts.verdict import Rules

KEYS = ["task", "learner", "loss", "policy"]
ALPHA = 0.05


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
    rows.csv, for runs without a common row, and for a metric that is not in both.
    """
    known = comparable_metric(metric)
    if known is None:
        raise InputError(f"--metric {metric!r}: neither direction nor ROPE of it is declared")
    a, b = (_read(Path(path), metric) for path in (first, second))
    identity = [*IDENTITY]
    joined = a.merge(b, on=identity, how="outer", suffixes=("_a", "_b"), indicator="side")
    joined = joined.sort_values(identity, ignore_index=True)
    both = joined[joined["side"] == "both"]
    if both.empty:
        raise InputError(f"{second}: has no row in common with {first}; compare runs of one grid")
    scale = 1.0
    if known.is_time:
        scale = float(both[[f"{metric}_a", f"{metric}_b"]].max().max())
    rules = Rules(known.direction, known.rope * scale if rope is None else rope, ALPHA)
    changes = _changes(both, metric, rules)
    statuses = both[both["status_a"] != both["status_b"]][[*identity, "status_a", "status_b"]]
    only_a = joined[joined["side"] == "left_only"][identity]
    only_b = joined[joined["side"] == "right_only"][identity]
    return Regression(
        metric, rules, tuple(changes), only_a, only_b, statuses, joined.drop(columns="side")
    )


def _read(path: Path, metric: str) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path)
    except (OSError, ValueError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise InputError(f"{path}: cannot be read as CSV: {reason}") from error
    if "lr_policy" in frame and "policy" not in frame:
        raise InputError(
            f"{path}: has 'lr_policy' in place of 'policy': it is from an earlier release, which "
            "tuned otherwise; run the experiment again"
        )
    absent = [name for name in (*IDENTITY, "status") if name not in frame]
    if absent:
        raise InputError(f"{path}: has no column {absent[0]!r}; name the rows.csv of a report")
    if metric not in frame:
        raise InputError(f"{path}: has no column {metric!r}; choose a metric of this run")
    if frame.duplicated(IDENTITY).any():
        raise InputError(f"{path}: a row stands there twice; name the rows.csv of a report")
    return frame[[*IDENTITY, "status", metric]]


def _changes(both: pd.DataFrame, metric: str, rules: Rules) -> list[Change]:
    """One change per task, loss and policy; those that differ form one Holm family."""
    groups = []
    for key, part in both.groupby(KEYS, sort=True):
        usable = part[part["status_a"].isin(USABLE) & part["status_b"].isin(USABLE)]
        usable = usable.dropna(subset=[f"{metric}_a", f"{metric}_b"])
        a, b = (usable[f"{metric}_{side}"].to_numpy(dtype=float) for side in "ab")
        task, learner, loss, policy = map(str, key)
        groups.append(((task, learner, loss, policy), a, b))
    differing = [(key, a, b) for key, a, b in groups if (a != b).any()]
    questions = [Question("B", "A", b, a, too_few(len(a), "seed")) for _, a, b in differing]
    decisions = decide(questions, rules, unit_of(metric), "seed", sensitivity=False)
    by_key = {key: one for (key, _, _), one in zip(differing, decisions, strict=True)}
    return [
        Change(
            *key, len(a), int((a != b).sum()), float(abs(b - a).max(initial=0.0)), by_key.get(key)
        )
        for key, a, b in groups
    ]
