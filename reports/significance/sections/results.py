"""Sections of tables: scores, comparisons, rates, the control, budgets, costs, outcomes, rows."""

import pandas as pd

from bench.catalogue.losses import UNEVOLVED
from reports.page.model import Section
from reports.page.table import Table, plain_frame
from reports.page.wording import DASH, PLUS_MINUS, counted, listed, signed_minus, unit_of
from reports.significance import protocol_tables, tables
from reports.significance.comparisons import Comparison
from reports.significance.cost import costs
from reports.significance.material import Material


def scores(material: Material) -> Section | None:
    table = tables.scores(material, "tuned", material.ordered_losses())
    return Section("scores", "Scores", tables=[table]) if len(table.shown) else None


def caption_of(material: Material, found: list[Comparison]) -> str:
    """The caption of a table of comparisons over seeds in one metric."""
    unit, report = unit_of(found[0].metric), material.data.experiment.report
    sign = "positive" if found[0].direction == "maximise" else "negative"
    return (
        f"Candidate minus baseline on paired test seeds, n = {max(item.n for item in found)}; "
        f"{sign} values favour the candidate. Interval: t, "
        f"{100 * (1 - report.alpha):g} %, not corrected. p: two-sided sign-flip permutation test; "
        f"Holm p: corrected within the family of {len(found)}. d_z: mean over SD of the "
        "differences; P(A>B): share of seeds won, half for ties. "
        f"ROPE: {PLUS_MINUS}{unit.value(found[0].rope)} {unit.difference}; equivalence by two "
        "one-sided t tests, not corrected. A difference leads to its rows."
    )


def comparisons(material: Material) -> Section | None:
    report, found = material.data.experiment.report, material.comparisons
    if not found:
        return None
    primary = material.primary
    shown = []
    if primary:
        shown = [
            tables.comparisons(
                primary,
                "comparisons_primary",
                "Primary family: tuned rate, declared metric, declared baselines",
                caption_of(material, primary),
                report.alpha,
            )
        ]
    folded = []
    families: dict[str, list[Comparison]] = {}
    for item in found:
        own_section = item.aspect != "performance" and item.metric != report.metric
        if item.family == "secondary" and not own_section:
            families.setdefault(item.family_name, []).append(item)
    for place, (name, items) in enumerate(families.items(), 1):
        folded.append(
            tables.comparisons(
                items,
                f"comparisons_secondary_{place}",
                f"Secondary family: {name}",
                caption_of(material, items),
                report.alpha,
            )
        )
    text = [
        "The primary family was declared before the run and is corrected by itself. Secondary "
        "families are exploratory; each is corrected by itself. These are claims about "
        f"{'these evolved losses' if material.data.evolved else 'these losses'} on these tasks."
    ]
    untested = [
        name for name in material.data.metrics if name not in {item.metric for item in found}
    ]
    if untested:
        text.append(
            f"Not tested, because neither direction nor ROPE was declared: {listed(untested)}."
        )
    return Section("comparisons", "Comparisons", text, shown, folded=folded)


def rates(material: Material) -> Section | None:
    data = material.data
    if set(data.rows["lr_policy"]) < {"tuned", "common"}:
        return None
    text = [
        "The same benchmark with one learning rate for all losses, "
        f"{data.experiment.tuning.common_rate:g}. The scale of a loss acts like a learning rate, "
        "so that this comparison favours losses whose scale happens to suit the rate."
    ]
    common = tables.scores(material, "common", material.ordered_losses())
    return Section(
        "rates",
        "Tuned and common rate",
        text,
        [tables.policies(material), common],
        folded=[protocol_tables.rates(material)],
    )


def control(material: Material) -> Section | None:
    """What evolution added to the network it started from."""
    report = material.data.experiment.report
    found = [
        item
        for item in material.comparisons
        if item.baseline == UNEVOLVED and item.metric == report.metric
    ]
    tuned = [item for item in found if item.lr_policy == "tuned"]
    if not tuned:
        return None
    text = [
        f"{UNEVOLVED} is the candidates' network before any evolution. Only what a loss gains "
        "over it is a gain of evolution; the rest belongs to the network's form."
    ]
    table = tables.comparisons(
        tuned,
        "control",
        "Against the un-evolved network, tuned rate",
        caption_of(material, tuned) + " Secondary.",
        report.alpha,
    )
    return Section("control", "The un-evolved control", text, [table])


def tuning(material: Material) -> Section | None:
    choices = material.data.choices
    if choices.empty:
        return None
    spent = sorted(
        {int(c) * int(s) for c, s in zip(choices["configurations"], choices["seeds"], strict=True)}
    )
    text = [
        f"Tuning spent {listed([str(runs) for runs in spent])} runs on each loss and task: every "
        "setting on every tuning seed."
    ]
    return Section(
        "tuning", "Tuning budgets", text, folded=[protocol_tables.budgets(material.data)]
    )


def cost(material: Material) -> Section | None:
    """Cost of meta-training, and the number of uses after which it pays."""
    found = costs(material.data)
    if found.empty:
        return None
    shown = []
    for row in found.to_dict("records"):
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
        numbers=found,
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
    if found["study"].max() > 0:
        text = ["The study's cost was spent once for all losses of the experiment."]
    return Section("cost", "Cost of meta-training", text, [table])


def outcomes(material: Material) -> Section | None:
    data = material.data
    frame = protocol_tables.counts(data)
    if frame.empty:
        return Section(
            "outcomes", "Missing and diverged runs", ["Every planned run finished; none diverged."]
        )
    text = [
        f"Diverged runs keep their pair with the declared worst score "
        f"({data.experiment.report.worst:g}); missing ones make their comparisons refused."
    ]
    counts = plain_frame("outcomes", "Counts", "Number of runs (seeds).", frame)
    folded = []
    if len(data.missing):
        most = data.missing.iloc[:1000]
        caption = "One per row."
        if len(most) < len(data.missing):
            caption = f"The first {len(most)} of {len(data.missing)}; report.json has all."
        folded.append(plain_frame("missing", "Missing runs", caption, most))
    return Section("outcomes", "Missing and diverged runs", text, [counts], folded=folded)


def rows(material: Material) -> Section:
    """Where the rows behind every number are."""
    count = counted(len(material.data.rows), "run")
    text = [f"rows.csv has all {count}, one per line, in blocks by task, loss and rate."]
    return Section("rows", "Rows behind the numbers", text, folded=[tables.blocks(material)])
