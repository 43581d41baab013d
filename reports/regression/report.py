"""The report of two stored runs: what a change of the code has changed."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from bench.policies import POLICIES, title_of
from reports.page.described import task_section
from reports.page.facts import versions
from reports.page.grid import Grid, GridCell, GridGroup, GridRow
from reports.page.model import Page, Picture, Section
from reports.page.table import Table, interval_text, plain_frame
from reports.page.wording import PLUS_MINUS, Unit, p_cell, unit_of
from reports.page.write import ReportPaths, records, write_page
from reports.regression import figures as regression_figures
from reports.regression.compare import Change, Regression
from reports.regression.tasks import described_beside
from reports.verdicts.cells import grid_cell
from reports.verdicts.sentences import COARSE

MAX_DRAWN = 30
"""Changes that the figure shows."""


def change_table(regression: Regression) -> Table:
    """One row per task, loss and policy."""
    unit, shown, tags = unit_of(regression.metric), [], {}
    for place, change in enumerate(regression.changes):
        numbers = change.decision.numbers if change.decision else None
        shown.append(
            [
                change.task, change.loss, change.policy, f"{change.changed}/{change.paired}",
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
            f"{regression.metric}, in {unit.difference}, on the same seeds; "
            f"{_favourable(regression)} values favour B. n: rows in both. 95 % t interval, not "
            "corrected; two-sided sign-flip test, Holm over what changed; ROPE "
            f"{PLUS_MINUS}{unit.value(regression.rules.rope)}."
        ),
        numbers=pd.DataFrame([change.as_json() for change in regression.changes]),
        shown=pd.DataFrame(
            shown,
            columns=["task", "loss", "rate", "rows changed", "largest", "mean", "95 % CI",
                     "Holm p", "verdict"],
        ),
        tags=tags,
    )  # fmt: skip


def write_regression(
    regression: Regression, out_dir: Path, names: tuple[str, str], commands: Sequence[str] = ()
) -> ReportPaths:
    """Write the report of a comparison. Raises InputError where the folder cannot be written.

    names: the paths of the two tables of rows.
    """
    described, differing = described_beside(names)
    tasks = list(dict.fromkeys(change.task for change in regression.changes))
    page = Page(
        kind="compare",
        name=f"{names[1]} against {names[0]}",
        description="Two stored runs of the same experiment.",
        answer=regression.answer,
        grid=change_grid(regression),
        beside=_pictures(regression),
        caveats=[*regression.warnings, *differing],
        findings=regression.findings,
        note="",
        sections=[*_sections(regression), task_section(described, tasks)],
        methods=[
            "Rows of both runs are paired by task, learner, loss, seed and rate. Where any row of "
            "a loss on a task differs, the differences were tested with the two-sided sign-flip "
            "permutation test [@fisher1935], corrected after Holm [@holm1979] over all that "
            f"changed; equivalence with two one-sided t tests [@schuirmann1987]{COARSE}."
        ],
        facts={
            "sentences": {"A is": names[0], "B is": names[1]},
            "versions": {f"{name} (report)": version for name, version in versions().items()},
            "details": {},
        },
        commands=commands,
        document=document(regression, names, commands),
        rows=regression.joined.to_csv(index=False, lineterminator="\n"),
    )
    return write_page(page, out_dir)


def change_grid(regression: Regression) -> Grid | None:
    """Losses by task under the first policy: what changed from A to B."""
    if not regression.changes:
        return None
    unit, policy = unit_of(regression.metric), _first_policy(regression)
    own = {(x.loss, x.task): x for x in regression.changes if x.policy == policy}
    losses, tasks = ([*dict.fromkeys(key[k] for key in own)] for k in (0, 1))
    rows = [GridRow(loss, [_cell(own.get((loss, task)), unit) for task in tasks])
            for loss in losses]  # fmt: skip
    note = (
        f"Mean paired difference B minus A in {regression.metric.replace('_', ' ')} "
        f"({unit.difference}), {title_of(policy)}; verdicts after Holm over all that changed; ROPE "
        f"{PLUS_MINUS}{unit.value(regression.rules.rope)}. The table below has every policy."
    )
    return Grid("verdicts", "B against A", "loss", tasks, [GridGroup("", rows)], note)


def _first_policy(regression: Regression) -> str:
    """The policy that verdicts are given under, of those that the runs have."""
    present = list(dict.fromkeys(change.policy for change in regression.changes))
    return next((name for name in POLICIES if name in present), present[0])


def _cell(change: Change | None, unit: Unit) -> GridCell | None:
    if change is None:
        return None
    if change.decision is None:
        return GridCell(unit.value(0.0), "unreached", label="unchanged")
    return grid_cell(change.decision, unit)


def _pictures(regression: Regression) -> list[Picture]:
    unit = unit_of(regression.metric)
    moved = [
        (f"{change.task}, {change.loss}", change.decision.numbers)
        for change in regression.changes
        if change.policy == _first_policy(regression)
        and change.decision
        and change.decision.numbers
    ]
    moved.sort(key=lambda item: -abs(item[1].mean_difference))
    if not moved:
        return []
    draw = partial(
        regression_figures.changes,
        moved[:MAX_DRAWN],
        regression.rules.rope * unit.factor,
        unit.factor,
        f"B minus A, {regression.metric} ({unit.difference})",
    )
    caption = (
        f"Mean paired change with its 95 % t interval, {title_of(_first_policy(regression))}, n = "
        f"{max(numbers.n for _, numbers in moved)} seeds, not corrected; grey: "
        f"ROPE; {_favourable(regression)} values favour B. By size"
        f"{'' if len(moved) <= MAX_DRAWN else f', the {MAX_DRAWN} largest of {len(moved)}'}."
    )
    return [Picture("changes", draw, caption, "Changes", is_wide=False)]


def _sections(regression: Regression) -> list[Section]:
    sections = []
    if regression.changes:
        sections.append(Section("changes", "Changes", tables=[change_table(regression)]))
    folded = [
        plain_frame(name, title, "One per row.", frame)
        for name, title, frame in (
            ("only_a", "Rows of A alone", regression.only_a),
            ("only_b", "Rows of B alone", regression.only_b),
            ("statuses", "Changed status", regression.statuses),
        )
        if len(frame)
    ]
    if folded:
        sections.append(
            Section(
                "partners", "Rows without a partner", folded=folded, is_folded=True,
                about="and rows that changed status",
            )
        )  # fmt: skip
    return sections


def _favourable(regression: Regression) -> str:
    """Which sign of a difference favours B."""
    return "positive" if regression.rules.sign > 0 else "negative"


def document(
    regression: Regression, names: tuple[str, str], commands: Sequence[str] = ()
) -> dict[str, Any]:
    """The comparison as plain JSON values."""
    return {
        "kind": "compare",
        "a": names[0],
        "b": names[1],
        "metric": regression.metric,
        "direction": regression.rules.direction,
        "rope": regression.rules.rope,
        "alpha": regression.rules.alpha,
        "clean": regression.is_clean,
        "answer": regression.answer,
        "warnings": list(regression.warnings),
        "findings": list(regression.findings),
        "comparisons": [change.as_json() for change in regression.changes],
        "only_a": records(regression.only_a),
        "only_b": records(regression.only_b),
        "statuses": records(regression.statuses),
        "tasks": [each.as_json() for each in described_beside(names)[0]],
        "provenance": {"commands": list(commands), "report_versions": versions()},
    }
