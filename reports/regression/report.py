"""Two stored runs of the same experiment, row by row: what a change of the code has changed.

Runs are two rows.csv of a significance report: A, the earlier one, and B.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from bench.errors import InputError
from reports.data.load import IDENTITY, USABLE
from reports.data.metrics import measure_of
from reports.page.facts import versions
from reports.page.model import Page, Picture, Section
from reports.page.table import Table, interval_text, plain_frame
from reports.page.wording import PLUS_MINUS, counted, p_cell, unit_of
from reports.page.write import ReportPaths, records, write_page
from reports.regression import figures as regression_figures
from reports.verdicts.decision import Decision, Question, decide
from reports.verdicts.gate import too_few
from reports.verdicts.sentences import LABELS
from reports.verdicts.verdict import Rules

KEYS = ["task", "learner", "loss", "lr_policy"]
ALPHA = 0.05

MOST_DRAWN = 40
"""Changes that the figure shows."""


class Change(NamedTuple):
    """B minus A of one loss on one task: rows in both, rows that differ, largest difference."""

    task: str
    learner: str
    loss: str
    lr_policy: str
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
        return LABELS[self.decision.verdict] if self.decision else "unchanged"

    @property
    def verdict(self) -> str:
        """The verdict on B, or `unchanged`."""
        return self.decision.verdict if self.decision else "unchanged"


@dataclass(frozen=True)
class Regression:
    """What differs between two runs; `only_a` and `only_b` are rows without a partner."""

    metric: str
    rules: Rules
    changes: tuple[Change, ...]
    only_a: pd.DataFrame
    only_b: pd.DataFrame
    statuses: pd.DataFrame
    joined: pd.DataFrame
    findings: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def is_clean(self) -> bool:
        """Whether every row has a partner, no status changed and nothing is worse."""
        worse = any(change.verdict.startswith("worse") for change in self.changes)
        return not (worse or len(self.only_a) or len(self.only_b) or len(self.statuses))

    @property
    def refused(self) -> int:
        """Comparisons that the gate refused."""
        return sum(change.verdict == "refused" for change in self.changes)


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
    known = measure_of(metric)
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
    found = Regression(
        metric, rules, tuple(changes), only_a, only_b, statuses, joined.drop(columns="side"), (), ()
    )
    return Regression(**{**vars(found), "findings": _findings(found), "warnings": _warnings(found)})


def _read(path: Path, metric: str) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path)
    except (OSError, ValueError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise InputError(f"{path}: cannot be read as CSV: {reason}") from error
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
    moved = [(key, a, b) for key, a, b in groups if (a != b).any()]
    questions = [Question("B", "A", b, a, too_few(len(a), "seed")) for _, a, b in moved]
    decided = decide(questions, rules, unit_of(metric), "seed", sensitivity=False)
    by_key = {key: found for (key, _, _), found in zip(moved, decided, strict=True)}
    return [
        Change(
            *key, len(a), int((a != b).sum()), float(abs(b - a).max(initial=0.0)), by_key.get(key)
        )
        for key, a, b in groups
    ]


def _findings(found: Regression) -> tuple[str, ...]:
    unit = unit_of(found.metric)
    rows = sum(change.paired for change in found.changes)
    changed = sum(change.changed for change in found.changes)
    if not changed:
        return (f"All {counted(rows, 'common row')} are the same in {found.metric}.",)
    largest = max(found.changes, key=lambda change: change.largest)
    counts = Counter(change.label for change in found.changes)
    parts = [f"{count} {label}" for label, count in counts.most_common()]
    sentences = [
        f"{changed} of {counted(rows, 'common row')} differ in {found.metric}, by up to "
        f"{unit.value(largest.largest)} {unit.difference} ({largest.loss} on {largest.task}).",
        f"B against A, {counted(len(found.changes), 'comparison')}: {'; '.join(parts)}.",
    ]
    sentences += [
        f"{change.loss} on {change.task} at the {change.lr_policy} rate: {change.decision.sentence}"
        for change in found.changes
        if change.decision and change.verdict.startswith(("better", "worse"))
    ]
    return tuple(sentences)


def _warnings(found: Regression) -> tuple[str, ...]:
    warned = []
    if len(found.only_a):
        warned.append(f"{counted(len(found.only_a), 'row')} of A missing in B.")
    if len(found.only_b):
        warned.append(f"{counted(len(found.only_b), 'row')} of B missing in A.")
    if len(found.statuses):
        warned.append(f"{counted(len(found.statuses), 'row')} changed status.")
    if found.refused:
        warned.append(f"{counted(found.refused, 'comparison')} refused: too few pairs.")
    return tuple(warned)


def change_table(found: Regression) -> Table:
    """One row per task, loss and policy."""
    unit, shown, tags = unit_of(found.metric), [], {}
    for place, change in enumerate(found.changes):
        numbers = change.decision.numbers if change.decision else None
        shown.append(
            [
                change.task, change.loss, change.lr_policy, f"{change.changed}/{change.paired}",
                unit.value(change.largest),
                unit.gain(numbers.mean_difference) if numbers else unit.value(0.0),
                interval_text(numbers.ci_low, numbers.ci_high, unit) if numbers else "",
                p_cell(change.decision.p_holm) if change.decision else "",
                change.label,
            ]
        )  # fmt: skip
        tags[place, 8] = change.verdict
    return Table(
        name="changes",
        title="B minus A",
        caption=(
            f"{found.metric}, in {unit.difference}, on the same seeds; "
            f"{'positive' if found.rules.sign > 0 else 'negative'} values favour B. n: rows in "
            "both. 95 % t interval, not corrected; two-sided sign-flip test, Holm over what "
            f"changed; ROPE {PLUS_MINUS}{unit.value(found.rules.rope)}."
        ),
        numbers=pd.DataFrame([change.as_json() for change in found.changes]),
        shown=pd.DataFrame(
            shown,
            columns=["task", "loss", "rate", "rows changed", "largest", "mean", "95 % CI",
                     "Holm p", "verdict"],
        ),
        tags=tags,
    )  # fmt: skip


def write_regression(
    found: Regression, out_dir: Path, names: tuple[str, str], commands: Sequence[str] = ()
) -> ReportPaths:
    """Write the report of a comparison. Raises InputError where the folder cannot be written."""
    unit = unit_of(found.metric)
    moved = [
        (f"{change.task}, {change.loss}, {change.lr_policy}", change.decision.numbers)
        for change in found.changes
        if change.decision and change.decision.numbers
    ]
    moved.sort(key=lambda item: -abs(item[1].mean_difference))
    sections = []
    if moved:
        draw = partial(
            regression_figures.changes,
            moved[:MOST_DRAWN],
            found.rules.rope * unit.factor,
            unit.factor,
            f"B minus A, {found.metric} ({unit.difference})",
        )
        caption = (
            "Mean paired change with its 95 % t interval, n = "
            f"{max(numbers.n for _, numbers in moved)} seeds, not corrected; grey: "
            f"ROPE; {'positive' if found.rules.sign > 0 else 'negative'} values favour B. By size"
            f"{'' if len(moved) <= MOST_DRAWN else f', the {MOST_DRAWN} largest of {len(moved)}'}."
        )
        sections.append(Section("changes", "Changes", pictures=[Picture("changes", draw, caption)]))
    folded = [
        plain_frame(name, title, "One per row.", frame)
        for name, title, frame in (
            ("only_a", "Rows of A alone", found.only_a),
            ("only_b", "Rows of B alone", found.only_b),
            ("statuses", "Changed status", found.statuses),
        )
        if len(frame)
    ]
    if folded:
        sections.append(Section("partners", "Rows without a partner", folded=folded))
    page = Page(
        kind="compare",
        name=f"{names[1]} against {names[0]}",
        description="Two stored runs of the same experiment.",
        warnings=found.warnings,
        findings=found.findings,
        head=[change_table(found)],
        note="",
        sections=sections,
        methods=[
            "Rows of both runs are paired by task, learner, loss, seed and rate. Where any row of "
            "a loss on a task differs, the differences were tested with the two-sided sign-flip "
            "permutation test [@fisher1935], corrected after Holm [@holm1979] over all that "
            "changed; equivalence with two one-sided t tests [@schuirmann1987]."
        ],
        facts={
            "sentences": {"A is": names[0], "B is": names[1]},
            "versions": {f"{name} (report)": version for name, version in versions().items()},
            "details": {},
        },
        commands=commands,
        document=document(found, names, commands),
        rows=found.joined.to_csv(index=False, lineterminator="\n"),
    )
    return write_page(page, out_dir)


def document(
    found: Regression, names: tuple[str, str], commands: Sequence[str] = ()
) -> dict[str, Any]:
    """The comparison as plain JSON values."""
    return {
        "kind": "compare",
        "a": names[0],
        "b": names[1],
        "metric": found.metric,
        "direction": found.rules.direction,
        "rope": found.rules.rope,
        "alpha": found.rules.alpha,
        "clean": found.is_clean,
        "warnings": list(found.warnings),
        "findings": list(found.findings),
        "comparisons": [change.as_json() for change in found.changes],
        "only_a": records(found.only_a),
        "only_b": records(found.only_b),
        "statuses": records(found.statuses),
        "provenance": {"commands": list(commands), "report_versions": versions()},
    }
