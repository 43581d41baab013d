"""The section of what meta-training cost."""

import pandas as pd

from reports.benchmark.cost import costs
from reports.benchmark.material import Material
from reports.page.model import Section
from reports.page.table import Table
from reports.page.wording import DASH, signed_minus


def cost(material: Material) -> Section | None:
    """Cost of meta-training, and the number of uses after which it pays."""
    spent = costs(material.data)
    if spent.empty:
        return None
    shown = []
    for row in spent.to_dict("records"):
        limits = f"[{signed_minus(row['saved_low'], 1)}, {signed_minus(row['saved_high'], 1)}]"
        if pd.notna(row["uses"]):
            least = "at least " if pd.isna(row["uses_high"]) else ""
            ends = [row["uses_low"], row["uses_high"]]
            ends_text = " to ".join("never" if pd.isna(end) else f"{end:,.0f}" for end in ends)
            uses = f"{row['uses']:,.0f} ({ends_text})".replace("at least ", least)
        else:
            uses = "never" if pd.notna(row["saved"]) else DASH
        ratio = row["seconds_ratio"]
        shown.append(
            [
                row["loss"],
                f"{row['evolution']:,}",
                f"{row['study']:,}" if row["study"] else DASH,
                DASH if pd.isna(row["saved"]) else f"{signed_minus(row['saved'], 1)} {limits}",
                uses,
                DASH if pd.isna(ratio) else f"{ratio:.2f}",
            ]
        )
    table = Table(
        name="cost",
        title="What a loss cost, and when it pays",
        caption=(
            "Member-steps: gradient steps of one learner. Steps saved: training steps to tuned "
            "CE's mean final accuracy, CE minus the loss, mean over tasks per seed, with its 95 % "
            "t interval over seeds, not corrected; positive favours the loss. Pays after: uses "
            "(trainings of one learner) whose saved steps make up for evolution alone, with the "
            "limits of that interval; never: no steps are saved. Time: seconds of a run relative "
            "to CE's, as measured."
        ),
        numbers=spent,
        shown=pd.DataFrame(
            shown,
            columns=[
                "loss",
                "evolution (member-steps)",
                "study (member-steps)",
                "steps saved per use",
                "pays after uses",
                "time per run / CE",
            ],
        ),
    )
    text = []
    if spent["study"].max() > 0:
        text = ["The study's cost was spent once for all losses of the experiment."]
    return Section(
        "cost", "Cost of meta-training", text, [table], is_folded=True,
        about="what evolution spent, and after how many uses it pays",
    )  # fmt: skip
