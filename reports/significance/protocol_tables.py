"""Tables of what a run did: the rates chosen, the tuning budgets, diverged and missing cells."""

from collections.abc import Mapping

import pandas as pd

from reports.data.load import ReportData
from reports.page.table import Table
from reports.page.wording import DASH, PLUS_MINUS, unit_of
from reports.significance.material import Material


def rates(material: Material) -> Table:
    """Tuned and common learning rate side by side, per task and loss."""
    data = material.data
    unit, report = unit_of(data.experiment.report.metric), data.experiment.report
    both = material.score_tables
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
    metric = data.experiment.tuning.metric
    unit, named = unit_of(metric), metric.replace("_", " ")
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
    columns = ["task", "loss", "rate", "parameter", "settings", "seeds", "runs", named]
    return Table(
        name="tuning",
        title="What tuning chose, and its budget",
        caption=(
            "Every setting was trained on so many tuning seeds, disjoint from the test seeds; "
            f"{named} is the mean on the inner validation split, in {unit.axis}, by which settings "
            "were chosen. The budgets of all losses "
            f"are {'equal' if even else 'NOT equal; the comparisons concerned are refused'}."
        ),
        numbers=numbers,
        shown=pd.DataFrame(shown, columns=columns),
    )


def counts(data: ReportData) -> pd.DataFrame:
    """Runs that diverged or are missing: task, loss, lr_policy, diverged, missing."""
    keys = ["task", "loss", "lr_policy"]
    diverged = data.rows[data.rows["status"] == "diverged"].groupby(keys, sort=False).size()
    missing = data.missing.groupby(keys, sort=False).size()
    joined: Mapping[str, pd.Series] = {"diverged": diverged, "missing": missing}
    frame = pd.DataFrame(joined).fillna(0).astype(int)
    frame.index.names = keys
    return frame.reset_index()
