"""Tables of a report: numbers for CSV, the same as text for HTML, LaTeX and the terminal."""

from collections.abc import Sequence

import pandas as pd

from bench.policies import title_of
from reports.benchmark.across import Across
from reports.benchmark.claims import MethodClaim
from reports.benchmark.comparisons import Comparison
from reports.benchmark.dependence import change
from reports.benchmark.material import Material
from reports.data.model import rules_of
from reports.page.table import Table, interval_text
from reports.page.wording import DASH, PLUS_MINUS, Unit, p_cell, signed_minus, unit_of
from reports.verdicts.kinds import label_of

DETECTABLE = "detectable"
"""The column of the true difference that an inconclusive comparison would have found."""


def scores(material: Material, policy: str, losses: Sequence[str]) -> Table:
    """Mean and SD per task (rows) and loss (columns); bold: not separated from the best."""
    data = material.data
    numbers, unit = material.score_tables[policy], unit_of(data.experiment.report.metric)
    losses = [loss for loss in losses if loss in set(numbers["loss"])]
    tasks = list(dict.fromkeys(numbers["task"]))
    rows = {(row["task"], row["loss"]): row for row in numbers.to_dict("records")}
    shown, bold, links = [], set(), {}
    places = _lines_by_task(material, policy)
    for r, task in enumerate(tasks):
        line = [task]
        for c, loss in enumerate(losses):
            row = rows.get((task, loss))
            if row is None:
                line.append(DASH)
                continue
            mark = f" ({row['diverged']}\N{DAGGER})" if row["diverged"] else ""
            line.append(unit.spread(row["mean"], row["sd"]) + mark)
            if row["top"]:
                bold.add((r, c + 1))
            if (task, loss) in places:
                links[r, c + 1] = anchor_of(places[task, loss])
        shown.append(line)
    counts = sorted(set(numbers["n"]))
    n = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    metric = data.experiment.report.metric.replace("_", " ")
    direction = "higher" if rules_of(data).direction == "maximise" else "lower"
    return Table(
        name=f"scores_{policy}",
        title=f"Test {metric} per task and loss, {title_of(policy)}",
        caption=(
            f"Mean {PLUS_MINUS} standard deviation over n = {n} seeds, in {unit.axis}; {direction} "
            "is better. Bold: every loss that is not separated from the task's best (paired "
            "sign-flip tests, Holm over all pairs of the task's losses, as in All pairs). "
            f"Baselines first{', then by mean rank' if len(tasks) > 1 else ''}. "
            f"\N{DAGGER}: runs that diverged, counted with the declared "
            "worst score."
        ),
        numbers=numbers,
        shown=pd.DataFrame(shown, columns=["task", *losses]),
        bold=frozenset(bold),
        links=links,
    )


def _lines_by_task(material: Material, policy: str) -> dict[tuple[str, str], tuple[int, int]]:
    return {
        (task, loss): block.lines()
        for (task, _, loss, own), block in material.data.scores.blocks.items()
        if own == policy
    }


def comparisons(
    items: Sequence[Comparison], name: str, title: str, caption: str, alpha: float
) -> Table:
    """Differences with intervals, tests, effect sizes and verdicts; each linked to its rows."""
    shown, links, notes, tags = [], {}, {}, {}
    unit = unit_of(items[0].metric) if items else unit_of("accuracy")
    for place, item in enumerate(items):
        won = DASH if item.wins is None else f"{item.wins}/{item.n}"
        shown.append(
            [
                item.task,
                item.candidate,
                item.baseline,
                unit.gain(item.mean_difference),
                interval_text(item.ci_low, item.ci_high, unit),
                # Before the statistics: on a narrow page those, not this, are scrolled to.
                label_of(item.verdict),
                _detectable(item, unit),
                p_cell(item.p),
                p_cell(item.p_holm),
                signed_minus(item.dz, 2),
                won,
                signed_minus(item.p_better, 2),
            ]
        )
        notes[place, 5], tags[place, 5] = item.reason, item.verdict
        if item.candidate_lines and item.baseline_lines:
            links[place, 3] = anchor_of(item.candidate_lines)
            notes[place, 3] = (
                f"rows.csv, lines {lines_text(item.candidate_lines)} ({item.candidate}) and "
                f"{lines_text(item.baseline_lines)} ({item.baseline})"
            )
    won_header = {"seed": "seeds won", "run": "runs won", "task": "tasks won"}
    columns = [
        "task",
        "candidate",
        "baseline",
        f"difference ({unit.difference})",
        f"{100 * (1 - alpha):g} % CI",
        "verdict",
        DETECTABLE,
        "p",
        "Holm p",
        "d_z",
        won_header[items[0].unit] if items else "seeds won",
        "P(A>B)",
    ]
    return Table(
        name=name,
        title=title,
        caption=caption,
        numbers=pd.DataFrame([item.as_json() for item in items]),
        shown=pd.DataFrame(shown, columns=columns),
        links=links,
        notes=notes,
        tags=tags,
        omitted=("p", "P(A>B)", DETECTABLE),
    )


def _detectable(item: Comparison, unit: Unit) -> str:
    """Beside an inconclusive verdict the difference that it would have found, else nothing."""
    if item.verdict != "inconclusive":
        return ""
    planned = item.detectable_difference
    return unit.value(planned) if planned is not None else "none"


def anchor_of(lines: tuple[int, int]) -> str:
    """The anchor of a block of rows.csv in the table of all blocks."""
    return f"rows-{lines[0]}"


def lines_text(lines: tuple[int, int]) -> str:
    """`22 to 41`."""
    return f"{lines[0]} to {lines[1]}"


def blocks(material: Material) -> Table:
    """Where the rows of every task, loss and policy stand in rows.csv."""
    data, unit = material.data, unit_of(material.data.experiment.report.metric)
    records, shown, anchors = [], [], []
    for (task, learner, loss, policy), block in material.data.scores.blocks.items():
        first, last = lines = block.lines()
        _, values = material.data.scores.of(block, data.experiment.report.metric)
        mean = float(values.mean()) if values.size else float("nan")
        records.append((task, learner, loss, policy, first, last, values.size, mean))
        command = f"sed -n '1p;{first},{last}p' rows.csv"
        shown.append(
            [task, loss, policy, str(values.size), unit.value(mean), lines_text(lines), command]
        )
        anchors.append(anchor_of(lines))
    columns = ["task", "learner", "loss", "policy", "first_line", "last_line", "n", "mean"]
    return Table(
        name="blocks",
        title="Rows behind the numbers",
        caption=(
            f"Lines of rows.csv, which lies beside this page; mean {data.experiment.report.metric} "
            f"in {unit.axis}. The commands print them."
        ),
        numbers=pd.DataFrame(records, columns=columns),
        shown=pd.DataFrame(
            shown, columns=["task", "loss", "policy", "n", "mean", "lines", "command"]
        ),
        anchors=anchors,
        in_latex=False,
    )


def policies(material: Material) -> Table:
    """The primary differences under every policy side by side."""
    data = material.data
    report, names = data.experiment.report, data.policies
    unit = unit_of(report.metric)
    by_policy: dict[tuple[str, str, str], dict[str, Comparison]] = {}
    for item in material.comparisons:
        if item.metric == report.metric and item.baseline in report.baselines:
            key = (item.task, item.candidate, item.baseline)
            by_policy.setdefault(key, {})[item.policy] = item
    shown, records = [], []
    for key, every in by_policy.items():
        line = list(key)
        for policy in names:
            own = every.get(policy)
            line += [
                unit.gain(own.mean_difference) if own else DASH,
                interval_text(own.ci_low, own.ci_high, unit) if own else DASH,
                label_of(own.verdict) if own else DASH,
            ]
        shown.append(line)
        records.append(
            dict(zip(("task", "candidate", "baseline"), key, strict=True))
            | {
                f"{policy}_{name}": getattr(item, name)
                for policy, item in every.items()
                for name in ("mean_difference", "ci_low", "ci_high", "p_holm", "verdict")
            }
        )
    columns = ["task", "candidate", "baseline"]
    for policy in names:
        title = title_of(policy)
        columns += [f"{title} ({unit.difference})", f"{title}: CI", f"{title}: verdict"]
    return Table(
        name="policies",
        title="Differences under each policy",
        caption=(
            f"Candidate minus baseline on paired test seeds; {material.better()}. t intervals, "
            f"{100 * (1 - report.alpha):g} %, not corrected; verdicts after Holm, each policy's "
            f"family by itself; {title_of(names[0])} is primary."
        ),
        numbers=pd.DataFrame(records),
        shown=pd.DataFrame(shown, columns=columns),
        omitted=tuple(f"{title_of(policy)}: CI" for policy in names),
    )


def dependence(material: Material) -> Table | None:
    """The verdicts that are others under another policy, and why; None where there are none."""
    found = material.dependences
    if not found:
        return None
    unit = unit_of(material.data.experiment.report.metric)
    records, shown = [], []
    for each in found:
        item, other = each.primary, each.other
        place = [item.task, item.candidate, item.baseline]
        gains = [unit.gain(x.mean_difference) for x in (item, other)]
        arrow = " \N{RIGHTWARDS ARROW} "
        shown.append([*place, title_of(other.policy), arrow.join(gains), change(each), each.reason])
        records.append([*place, other.policy, item.mean_difference, other.mean_difference,
                        item.verdict, other.verdict, each.reason])  # fmt: skip
    names = ["task", "candidate", "baseline"]
    return Table(
        name="policy_dependence",
        title="Verdicts that depend on the policy",
        caption=(
            f"From {material.policy} to the policy named: mean paired difference in "
            f"{unit.difference}, verdict, and by how much each loss's mean moved."
        ),
        numbers=pd.DataFrame(
            records,
            columns=[*names, "policy", "difference", "other_difference", "verdict",
                     "other_verdict", "reason"],
        ),
        shown=pd.DataFrame(
            shown, columns=[*names, "policy", f"difference ({unit.difference})", "verdict", "why"]
        ),
        in_latex=False,
    )  # fmt: skip


def across(summary: Across, baselines: Sequence[str], unit: Unit, caption: str) -> Table:
    """Mean ranks, interquartile means, pooled effects, probabilities of improvement."""
    shown = []
    for row in summary.table.to_dict("records"):
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
            chance = [row[f"improvement_{name}{end}"] for end in ("", "_low", "_high")]
            low, high = (signed_minus(value, 2) for value in chance[1:])
            line.append(
                DASH if pd.isna(chance[0]) else f"{signed_minus(chance[0], 2)} [{low}, {high}]"
            )
        shown.append(line)
    columns = ["loss", "mean rank", f"IQM ({unit.axis})", "95 % CI"]
    for name in baselines:
        columns.append(f"IQM minus {name}")
        if f"pooled_{name}" in summary.table:
            columns.append(f"pooled minus {name}")
        columns.append(f"P(beats {name})")
    return Table(
        name="across_tasks",
        title=(
            f"All {summary.tasks} tasks together"
            if summary.tasks == summary.planned
            else f"{summary.tasks} of {summary.planned} tasks together"
        ),
        caption=caption,
        numbers=summary.table,
        shown=pd.DataFrame(shown, columns=columns),
        omitted=[f"pooled minus {name}" for name in baselines],
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
            "descriptive" if claim.verdict == "refused" else claim.verdict.replace("_", ", "),
        ]
        for claim in claims
    ]
    numbers = [
        {"task": claim.task, "baseline": claim.baseline, **claim.gains, "mean": claim.mean}
        | {"ci_low": claim.ci_low, "ci_high": claim.ci_high, "p": claim.p, "p_holm": claim.p_holm}
        | {"verdict": claim.verdict}
        for claim in claims
    ]
    return Table(
        name="method",
        title="The method: every evolution run",
        caption=caption,
        numbers=pd.DataFrame(numbers),
        shown=pd.DataFrame(
            shown,
            columns=["task", "baseline", *runs, "mean of runs", "95 % CI", "Holm p", "verdict"],
        ),
    )
