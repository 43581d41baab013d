"""Tables of what a run did: the rates chosen, the tuning budgets, diverged and missing cells."""

from collections.abc import Mapping

import pandas as pd

from bench.policies import title_of
from reports.benchmark.material import Material
from reports.data.model import ReportData
from reports.data.response import EDGE_SHARE
from reports.page.table import Table
from reports.page.wording import DASH, PLUS_MINUS, unit_of


def rates(material: Material) -> Table:
    """Scores under every policy side by side, per task and loss, and the rates chosen."""
    data = material.data
    unit, report = unit_of(data.experiment.report.metric), data.experiment.report
    first, *others = data.policies
    joined = material.score_tables[first][["task", "loss", "mean", "sd"]]
    for policy in others:
        own = material.score_tables[policy][["task", "loss", "mean", "sd"]]
        joined = joined.merge(own, on=["task", "loss"], how="left", suffixes=("", f"_{policy}"))
    chosen = data.tuning[["task", "loss", "lr_low", "lr", "lr_high"]]
    numbers = joined.merge(chosen, on=["task", "loss"], how="left")
    shown = []
    for row in numbers.to_dict("records"):
        line = [row["task"], row["loss"], unit.spread(row["mean"], row["sd"])]
        for policy in others:
            gain = unit.gain(row[f"mean_{policy}"] - row["mean"])
            line += [unit.spread(row[f"mean_{policy}"], row[f"sd_{policy}"]), gain]
        shown.append(line)
    columns = ["task", "loss", title_of(first)]
    for policy in others:
        columns += [title_of(policy), f"{title_of(policy)}: change"]
    return Table(
        name="rates",
        title="Scores under each policy",
        caption=(
            f"{report.metric.replace('_', ' ').capitalize()}, mean {PLUS_MINUS} standard deviation "
            f"over seeds, in {unit.axis}; change: from {title_of(first)}, in {unit.difference}. "
            "Descriptive: nothing is tested here."
        ),
        numbers=numbers,
        shown=pd.DataFrame(shown, columns=columns),
    )


def budgets(data: ReportData) -> Table:
    """What tuning tried, spent and chose for each loss."""
    numbers = data.tuning
    shown = [
        [
            row["task"],
            row["loss"],
            str(row["configurations"]),
            str(row["runs"]),
            DASH if pd.isna(row["member_steps"]) else f"{int(row['member_steps']):,}",
            f"{row['lr']:g} ({row['lr_low']:g} to {row['lr_high']:g})",
            DASH if pd.isna(row["parameter"]) else f"{row['parameter']:g}",
            DASH if pd.isna(row["edge"]) else f"{row['edge']:.0%}",
        ]
        for row in numbers.to_dict("records")
    ]
    wide = [(r, 7) for r, edge in enumerate(numbers["edge"]) if edge > EDGE_SHARE]
    even = numbers.groupby(["task", "learner"])["runs"].agg(lambda runs: len(set(runs)) == 1).all()
    columns = [
        "task", "loss", "configurations", "runs", "member-steps", "rate: median (range)",
        "parameter", "at an edge",
    ]  # fmt: skip
    return Table(
        name="tuning",
        title="What tuning tried, spent and chose",
        caption=(
            "Every configuration was trained on every test seed, and each seed chose by "
            f"{data.experiment.tuning.metric.replace('_', ' ')} on its own inner validation split. "
            "Rate: median of the seeds' choices, and their range; parameter: the one most seeds "
            "chose; at an edge: share of seeds whose best score lies at the lowest or highest "
            f"rate and nowhere else, bold above {EDGE_SHARE:.0%}. The budgets of all losses "
            f"are {'equal' if even else 'NOT equal; the comparisons concerned are refused'}."
        ),
        numbers=numbers,
        shown=pd.DataFrame(shown, columns=columns),
        bold=frozenset(wide),
    )


def counts(data: ReportData) -> pd.DataFrame:
    """Runs that diverged or are missing: task, loss, policy, diverged, missing."""
    keys = ["task", "loss", "policy"]
    diverged = data.rows[data.rows["status"] == "diverged"].groupby(keys, sort=False).size()
    missing = data.missing.groupby(keys, sort=False).size()
    joined: Mapping[str, pd.Series] = {"diverged": diverged, "missing": missing}
    frame = pd.DataFrame(joined).fillna(0).astype(int)
    frame.index.names = keys
    return frame.reset_index()
