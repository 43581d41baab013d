"""Sections of tables: scores, comparisons, claims across tasks and about the method, budgets."""

from reports import tables
from reports.material import Material, Section
from reports.summary import FEWEST_POOLED, FEWEST_RUNS, FEWEST_TASKS
from reports.wording import PLUS_MINUS, counted, listed, unit_of


def scores(material: Material) -> Section | None:
    table = tables.scores(material.data, "tuned", material.ordered_losses())
    return Section("scores", "Scores", tables=[table]) if len(table.shown) else None


def comparisons(material: Material) -> Section | None:
    report, found = material.data.experiment.report, material.comparisons
    if not found:
        return None
    unit = unit_of(report.metric)
    caption = (
        f"Candidate minus baseline on paired test seeds; {material.better()}. Interval: t, "
        f"{100 * (1 - report.alpha):g} %, not corrected. p: two-sided sign-flip permutation test; "
        "Holm p: corrected within the family of {n}. d_z: mean over SD of the differences. "
        f"ROPE: {PLUS_MINUS}{unit.value(report.rope)} {unit.difference}; equivalence by two "
        "one-sided t tests, not corrected."
    )
    primary = material.primary
    shown = tables.comparisons(
        primary,
        "comparisons_primary",
        "Primary family: tuned rate, declared metric, declared baselines",
        caption.replace("{n}", str(len(primary))),
        report.alpha,
    )
    folded = []
    names = dict.fromkeys(item.family_name for item in found if item.family == "secondary")
    for place, name in enumerate(names, 1):
        items = [item for item in found if item.family_name == name]
        folded.append(
            tables.comparisons(
                items,
                f"comparisons_secondary_{place}",
                f"Secondary family: {name}",
                caption.replace("{n}", str(len(items))),
                report.alpha,
            )
        )
    text = [
        "The primary family was declared before the run and is corrected by itself. Secondary "
        "families are exploratory; each is corrected by itself."
    ]
    return Section("comparisons", "Comparisons", text, [shown] if primary else [], folded=folded)


def across(material: Material) -> Section | None:
    found, data = material.across, material.data
    if found is None:
        return None
    report = data.experiment.report
    unit = unit_of(report.metric)
    pooled = (
        "Pooled: mean difference in a random-effects model over tasks, which speaks of tasks like "
        "these, with its t interval. "
        if found.tasks >= FEWEST_POOLED
        else ""
    )
    caption = (
        f"{found.tasks} tasks, {found.seeds} seeds, tuned rate. Mean rank of the task means (1 is "
        "best). IQM: interquartile mean over all runs, with a 95 % bootstrap interval stratified "
        "by task and paired by seed (2,000 resamples), not corrected. "
        f"{pooled}P(beats): chance that a run "
        "of the loss beats one of the baseline on the same task."
    )
    text = ["Mean ranks and IQMs speak of these tasks alone."]
    if found.tasks < found.planned:
        text.append("Tasks on which a loss lacks a run are left out here.")
    if found.tasks < FEWEST_TASKS:
        text.append(
            f"A claim about new tasks needs at least {FEWEST_TASKS} tasks; with {found.tasks} this "
            f"section is descriptive{', and its pooled differences are weak' if pooled else ''}."
        )
    else:
        text.append(
            "Holm p: Wilcoxon signed-rank test over task means; the task is the unit, so that it "
            "speaks of tasks like these."
        )
    if found.friedman and found.critical_difference:
        text.append(
            f"Iman-Davenport F = {found.friedman.f:.2f}, Nemenyi critical difference of mean "
            f"ranks {found.critical_difference:.2f}."
        )
    baselines = [name for name in report.baselines if f"improvement_{name}" in found.table]
    return Section("across", "Across tasks", text, [tables.across(found, baselines, unit, caption)])


def method(material: Material) -> Section | None:
    if not material.claims:
        return None
    runs = len(material.data.experiment.evolved_losses())
    unit = unit_of(material.data.experiment.report.metric)
    enough = runs >= FEWEST_RUNS
    text = f"The evolution run is the unit here: {counted(runs, 'independent run')}. " + (
        "p: two-sided sign-flip test over runs, Holm over all rows."
        if enough
        else f"With fewer than {FEWEST_RUNS} runs this table is descriptive: no test of the "
        f"method could reach p = .05 (its floor is {2.0 ** (1 - runs):.3g})."
    )
    caption = (
        f"Mean gain of each run over the baseline, tuned rate, in {unit.difference} (mean over "
        "test seeds), then the mean over runs with its t interval over runs."
    )
    return Section("method", "The method", [text], [tables.method(material.claims, unit, caption)])


def rates(material: Material) -> Section | None:
    data = material.data
    if set(data.rows["lr_policy"]) < {"tuned", "common"}:
        return None
    text = [
        "The same benchmark with one learning rate for all losses, "
        f"{data.experiment.tuning.common_rate:g}. The scale of a loss acts like a learning rate, "
        "so that this comparison favours losses whose scale happens to suit the rate."
    ]
    common = tables.scores(data, "common", material.ordered_losses())
    return Section("rates", "Tuned and common rate", text, [common], folded=[tables.rates(data)])


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
    return Section("tuning", "Tuning budgets", text, folded=[tables.budgets(material.data)])


def outcomes(material: Material) -> Section | None:
    data = material.data
    frame = tables.counts(data)
    if frame.empty:
        return Section(
            "outcomes", "Missing and diverged runs", ["Every planned run finished; none diverged."]
        )
    text = [
        f"Diverged runs keep their pair with the declared worst score "
        f"({data.experiment.report.worst:g}); missing ones make their comparisons refused."
    ]
    counts = tables.plain_frame("outcomes", "Counts", "Number of runs (seeds).", frame)
    folded = []
    if len(data.missing):
        folded.append(tables.plain_frame("missing", "Missing runs", "One per row.", data.missing))
    return Section("outcomes", "Missing and diverged runs", text, [counts], folded=folded)
