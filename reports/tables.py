"""Tables of a report: numbers for CSV, the same as text for HTML, LaTeX and the terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from reports.compare import Comparison, rules_of
from reports.load import ReportData
from reports.summary import Across, MethodClaim, score_table
from reports.verdict import LABELS
from reports.wording import DASH, MINUS, PLUS_MINUS, Unit, p_cell, signed_minus, unit_of


@dataclass(frozen=True)
class Table:
    """`numbers` goes to CSV; `shown` has the same meaning as text.

    `bold` lists (row, column) positions of `shown`; `classes` names a style per row.
    """

    name: str
    title: str
    caption: str
    numbers: pd.DataFrame
    shown: pd.DataFrame
    bold: frozenset[tuple[int, int]] = frozenset()
    classes: Sequence[str] = field(default_factory=tuple)

    def csv(self) -> str:
        """The numbers as CSV."""
        return self.numbers.to_csv(index=False, lineterminator="\n")

    def latex(self) -> str:
        """The text as a LaTeX tabular with booktabs rules."""
        bold = pd.DataFrame("", index=self.shown.index, columns=self.shown.columns)
        for row, column in self.bold:
            bold.iloc[row, column] = "textbf:--rwrap"
        shown = self.shown.map(_latex)
        shown.columns = pd.Index([_latex(name) for name in self.shown.columns])
        bold.columns = shown.columns
        style = shown.style.apply(lambda _: bold, axis=None).hide(axis="index")
        return str(style.to_latex(hrules=True))


_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "$": r"\$",
    "#": r"\#", "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"$<$", ">": r"$>$", MINUS: "$-$", PLUS_MINUS: r"$\pm$", DASH: "--",
    "\N{INFINITY}": r"$\infty$", "\N{DAGGER}": r"\dag{}",
}  # fmt: skip


def _latex(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in str(text))


def scores(data: ReportData, policy: str, losses: Sequence[str]) -> Table:
    """Mean and SD per task (rows) and loss (columns); bold: not separated from the best."""
    numbers, unit = score_table(data, policy), unit_of(data.experiment.report.metric)
    losses = [loss for loss in losses if loss in set(numbers["loss"])]
    tasks = list(dict.fromkeys(numbers["task"]))
    found = {(row["task"], row["loss"]): row for row in numbers.to_dict("records")}
    shown, bold = [], set()
    for r, task in enumerate(tasks):
        line = [task]
        for c, loss in enumerate(losses):
            row = found.get((task, loss))
            if row is None:
                line.append(DASH)
                continue
            mark = f" ({row['diverged']}\N{DAGGER})" if row["diverged"] else ""
            line.append(unit.spread(row["mean"], row["sd"]) + mark)
            if row["top"]:
                bold.add((r, c + 1))
        shown.append(line)
    counts = sorted(set(numbers["n"]))
    n = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    metric = data.experiment.report.metric.replace("_", " ")
    direction = "higher" if rules_of(data).direction == "maximise" else "lower"
    return Table(
        name=f"scores_{policy}",
        title=f"Test {metric} per task and loss, {policy} learning rate",
        caption=(
            f"Mean {PLUS_MINUS} standard deviation over n = {n} seeds, in {unit.axis}; {direction} "
            "is better. Bold: every loss that is not separated from the task's best (paired "
            "sign-flip tests against the best, Holm over the losses of the task). "
            f"{'Losses in the order of their mean rank. ' if len(tasks) > 1 else ''}"
            f"\N{DAGGER}: runs that diverged, counted with the declared "
            "worst score."
        ),
        numbers=numbers,
        shown=pd.DataFrame(shown, columns=["task", *losses]),
        bold=frozenset(bold),
    )


def comparisons(
    found: Sequence[Comparison], name: str, title: str, caption: str, alpha: float
) -> Table:
    """Differences with intervals, tests, effect sizes and verdicts."""
    shown = []
    for item in found:
        unit = unit_of(item.metric)
        won = DASH if item.wins is None else f"{item.wins}/{item.n}"
        shown.append(
            [
                item.task,
                item.candidate,
                item.baseline,
                unit.gain(item.mean_difference),
                interval_text(item.ci_low, item.ci_high, unit),
                p_cell(item.p),
                p_cell(item.p_holm),
                signed_minus(item.dz, 2),
                won,
                LABELS[item.verdict],
            ]
        )
    unit = unit_of(found[0].metric) if found else unit_of("accuracy")
    columns = [
        "task",
        "candidate",
        "baseline",
        f"difference ({unit.difference})",
        f"{100 * (1 - alpha):g} % CI",
        "p",
        "Holm p",
        "d_z",
        "seeds won",
        "verdict",
    ]
    return Table(
        name=name,
        title=title,
        caption=caption,
        numbers=pd.DataFrame([item.as_json() for item in found]),
        shown=pd.DataFrame(shown, columns=columns),
        classes=tuple(f"verdict-{item.verdict}" for item in found),
    )


def interval_text(low: float | None, high: float | None, unit: Unit) -> str:
    """`[low, high]`, or a dash."""
    if low is None or high is None:
        return DASH
    return f"[{unit.value(low)}, {unit.value(high)}]"


def rates(data: ReportData) -> Table:
    """Tuned and common learning rate side by side, per task and loss."""
    unit, report = unit_of(data.experiment.report.metric), data.experiment.report
    both = {policy: score_table(data, policy) for policy in ("tuned", "common")}
    joined = both["tuned"].merge(both["common"], on=["task", "loss"], suffixes=("", "_common"))
    rows = data.rows[data.rows["lr_policy"] == "tuned"]
    chosen = rows.groupby(["task", "loss"], sort=False)["lr"].first().rename("lr").reset_index()
    joined = joined.merge(chosen, on=["task", "loss"], how="left")
    numbers = pd.DataFrame(
        {
            "task": joined["task"],
            "loss": joined["loss"],
            "tuned_lr": joined["lr"],
            "tuned_mean": joined["mean"],
            "tuned_sd": joined["sd"],
            "common_mean": joined["mean_common"],
            "common_sd": joined["sd_common"],
            "tuned_minus_common": joined["mean"] - joined["mean_common"],
        }
    )
    shown = [
        [
            row["task"],
            row["loss"],
            f"{row['tuned_lr']:g}",
            unit.spread(row["tuned_mean"], row["tuned_sd"]),
            unit.spread(row["common_mean"], row["common_sd"]),
            unit.gain(row["tuned_minus_common"]),
        ]
        for row in numbers.to_dict("records")
    ]
    rate = f"{data.experiment.tuning.common_rate:g}"
    columns = ["task", "loss", "tuned rate", "tuned", f"common rate {rate}", "difference"]
    return Table(
        name="rates",
        title="Tuned and common learning rate",
        caption=(
            f"{report.metric.replace('_', ' ').capitalize()}, mean {PLUS_MINUS} standard deviation "
            f"over seeds, in {unit.axis}; the difference is tuned minus common, in "
            f"{unit.difference}. Descriptive: nothing is tested here."
        ),
        numbers=numbers,
        shown=pd.DataFrame(shown, columns=columns),
    )


def budgets(data: ReportData) -> Table:
    """What tuning chose for each loss, and what it spent."""
    numbers = data.choices.assign(runs=data.choices["configurations"] * data.choices["seeds"])
    unit = unit_of("accuracy")
    shown = [
        [
            row["task"],
            row["loss"],
            f"{row['lr']:g}",
            DASH if pd.isna(row["parameter"]) else f"{row['parameter']:g}",
            str(row["configurations"]),
            str(row["seeds"]),
            str(row["runs"]),
            unit.value(row["score"]),
        ]
        for row in numbers.to_dict("records")
    ]
    even = numbers.groupby(["task", "learner"])["runs"].agg(lambda runs: len(set(runs)) == 1).all()
    columns = ["task", "loss", "rate", "parameter", "settings", "seeds", "runs", "accuracy (%)"]
    return Table(
        name="tuning",
        title="What tuning chose, and its budget",
        caption=(
            "Every setting was trained on so many tuning seeds, disjoint from the test seeds; "
            "accuracy is the mean on the inner validation split, in %. The budgets of all losses "
            f"are {'equal' if even else 'NOT equal; the comparisons concerned are refused'}."
        ),
        numbers=numbers,
        shown=pd.DataFrame(shown, columns=columns),
    )


def across(found: Across, baselines: Sequence[str], unit: Unit, caption: str) -> Table:
    """Mean ranks, interquartile means, pooled effects, probabilities of improvement."""
    shown = []
    for row in found.table.to_dict("records"):
        line = [
            row["loss"],
            f"{row['mean_rank']:.2f}",
            unit.value(row["iqm"]),
            interval_text(row["iqm_low"], row["iqm_high"], unit),
        ]
        for name in baselines:
            for key in [key for key in (f"difference_{name}", f"pooled_{name}") if key in row]:
                limits = interval_text(row[f"{key}_low"], row[f"{key}_high"], unit)
                line.append(DASH if pd.isna(row[key]) else f"{unit.gain(row[key])} {limits}")
            line.append(signed_minus(row[f"improvement_{name}"], 2))
            if f"p_holm_{name}" in row:
                line.append(p_cell(row[f"p_holm_{name}"]))
        shown.append(line)
    columns = ["loss", "mean rank", f"IQM ({unit.axis})", "95 % CI"]
    for name in baselines:
        columns.append(f"IQM minus {name}")
        if f"pooled_{name}" in found.table:
            columns.append(f"pooled minus {name}")
        columns.append(f"P(beats {name})")
        if f"p_holm_{name}" in found.table:
            columns.append(f"Holm p against {name}")
    return Table(
        name="across_tasks",
        title=(
            f"All {found.tasks} tasks together"
            if found.tasks == found.planned
            else f"{found.tasks} of {found.planned} tasks together"
        ),
        caption=caption,
        numbers=found.table,
        shown=pd.DataFrame(shown, columns=columns),
    )


def method(claims: Sequence[MethodClaim], unit: Unit, caption: str) -> Table:
    """Mean gain of every evolution run per task and baseline."""
    runs = list(dict.fromkeys(run for claim in claims for run in claim.gains))
    shown = [
        [
            claim.task,
            claim.baseline,
            *[unit.gain(claim.gains.get(run)) for run in runs],
            unit.gain(claim.mean),
            interval_text(claim.ci_low, claim.ci_high, unit),
            "descriptive" if claim.p is None else p_cell(claim.p_holm),
        ]
        for claim in claims
    ]
    numbers = [
        {"task": claim.task, "baseline": claim.baseline, **claim.gains, "mean": claim.mean}
        | {"ci_low": claim.ci_low, "ci_high": claim.ci_high, "p": claim.p, "p_holm": claim.p_holm}
        for claim in claims
    ]
    return Table(
        name="method",
        title="The method: every evolution run",
        caption=caption,
        numbers=pd.DataFrame(numbers),
        shown=pd.DataFrame(
            shown, columns=["task", "baseline", *runs, "mean of runs", "95 % CI", "Holm p"]
        ),
    )


def plain_frame(name: str, title: str, caption: str, frame: pd.DataFrame) -> Table:
    """A frame shown as it is, numbers shortened."""
    return Table(name, title, caption, frame, frame.map(_short))


def _short(value: object) -> str:
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return DASH
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def counts(data: ReportData) -> pd.DataFrame:
    """Runs that diverged or are missing: task, loss, lr_policy, diverged, missing."""
    keys = ["task", "loss", "lr_policy"]
    diverged = data.rows[data.rows["status"] == "diverged"].groupby(keys, sort=False).size()
    missing = data.missing.groupby(keys, sort=False).size()
    joined: Mapping[str, pd.Series] = {"diverged": diverged, "missing": missing}
    frame = pd.DataFrame(joined).fillna(0).astype(int)
    frame.index.names = keys
    return frame.reset_index()
