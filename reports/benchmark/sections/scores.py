"""Sections of scores, and of the comparisons between them."""

from collections.abc import Sequence

from bench.catalogue.losses import UNEVOLVED
from reports.benchmark import tables
from reports.benchmark.comparisons import Comparison
from reports.benchmark.material import Material
from reports.data.metrics import title_of
from reports.page.model import Group, Section
from reports.page.table import Table
from reports.page.wording import PLUS_MINUS, counted, listed, unit_of


def scores(material: Material) -> Section | None:
    """Mean and spread of every loss on every task; None where there is no run."""
    table = tables.scores(material, material.data.policy, material.ordered_losses())
    return Section("scores", "Scores", tables=[table]) if len(table.shown) else None


def comparisons(material: Material) -> Section | None:
    """The primary family."""
    report, items = material.data.experiment.report, material.comparisons
    if not items:
        return None
    primary = material.primary
    shown = []
    if primary:
        shown = [
            tables.comparisons(
                primary,
                "comparisons_primary",
                f"Primary family: {material.policy}, declared metric, declared baselines",
                caption_of(material, primary),
                report.alpha,
            )
        ]
    text = [
        f"The primary family was declared "
        f"{'for this report' if material.data.is_given else 'before the run'} and is corrected by "
        "itself. These are claims about "
        f"{'these evolved losses' if material.data.evolved else 'these losses'} on these tasks."
    ]
    return Section("comparisons", "Comparisons", text, shown)


def secondary(material: Material) -> Section | None:
    """All other families over seeds, by metric; None where there are none."""
    data, report = material.data, material.data.experiment.report
    items = [item for item in material.comparisons if item.family == "secondary"]
    groups = []
    declared = _of_declared_metric(material, [x for x in items if x.metric == report.metric])
    if declared:
        groups.append(Group(f"{_titled(report.metric)}, the declared metric", declared))
    for metric in dict.fromkeys(item.metric for item in items if item.metric != report.metric):
        own = [item for item in items if item.metric == metric and item.n]
        if own:
            groups.append(Group(_titled(metric), [metric_table(material, own)]))
    untested = [x for x in data.metrics if x not in {item.metric for item in material.comparisons}]
    if not groups and not untested:
        return None
    text = ["Secondary families are exploratory; each is corrected by itself."]
    if any(item.aspect == "adaptability" for item in items):
        text.append(
            "After a drift a learner goes on training under the same loss; tasks without a drift "
            "have no scores of one and are left out of those families."
        )
    if untested:
        text.append(
            f"Not tested, because neither direction nor ROPE was declared: {listed(untested)}."
        )
    others = len(groups) - bool(declared)
    parts = ["the same under other policies and against other losses"] if declared else []
    parts += [f"{counted(others, 'other metric')}"] if others else []
    return Section(
        "secondary", "Secondary comparisons", text, is_folded=True, groups=groups,
        about=", and ".join(parts) or "not tested",
    )  # fmt: skip


def _of_declared_metric(material: Material, items: Sequence[Comparison]) -> list[Table]:
    """One table per family of the declared metric; that of the control has its own section."""
    families: dict[str, list[Comparison]] = {}
    for item in (*items, *material.references):
        if (item.baseline, item.policy) != (UNEVOLVED, material.data.policy):
            families.setdefault(item.family_name, []).append(item)
    return [
        tables.comparisons(
            own,
            f"comparisons_secondary_{place}",
            f"Secondary family: {name}",
            caption_of(material, own),
            material.data.experiment.report.alpha,
        )
        for place, (name, own) in enumerate(families.items(), 1)
    ]


def _titled(metric: str) -> str:
    title = title_of(metric)
    return f"{title[:1].upper()}{title[1:]}"


def caption_of(material: Material, items: list[Comparison]) -> str:
    """The caption of a table of comparisons over seeds in one metric."""
    unit, report = unit_of(items[0].metric), material.data.experiment.report
    sign = "positive" if items[0].direction == "maximise" else "negative"
    return (
        f"Candidate minus baseline on paired test seeds, n = {max(item.n for item in items)}; "
        f"{sign} values favour the candidate. Interval: t, "
        f"{100 * (1 - report.alpha):g} %, not corrected. p: two-sided sign-flip permutation test; "
        f"Holm p: corrected within the family of {len(items)}. d_z: mean over SD of the "
        "differences; P(A>B): share of seeds won, half for ties. "
        f"ROPE: {PLUS_MINUS}{unit.value(items[0].rope)} {unit.difference}; equivalence by two "
        f"one-sided t tests, not corrected{steps_of(items)}. Detectable: the true "
        "difference that an inconclusive comparison would have found with 80 % power. A difference "
        "leads to its rows."
    )


def steps_of(items: Sequence[Comparison]) -> str:
    """What the caption of a table of comparisons says of the steps in which scores move."""
    known = [item for item in items if item.resolution is not None and item.least_sd is not None]
    if not known:
        return ""
    unit = unit_of(items[0].metric)
    steps, least = (
        " to ".join(dict.fromkeys(unit.value(end) for end in (min(values), max(values))))
        for values in zip(*((item.resolution, item.least_sd) for item in known), strict=True)
    )
    return (
        f"; a score moves in steps of {steps} {unit.difference}, for which the SD of the "
        f"differences is taken for {least} at least"
    )


def metric_table(material: Material, own: Sequence[Comparison]) -> Table:
    """Comparisons in one metric, other than the declared one, with baselines and control."""
    first, report = own[0], material.data.experiment.report
    unit = unit_of(first.metric)
    direction = "higher" if first.direction == "maximise" else "lower"
    return tables.comparisons(
        own,
        f"{first.aspect}_{first.metric}",
        _titled(first.metric),
        f"Candidate minus baseline on paired test seeds, {material.policy}; {direction} is "
        f"better. n = {counted(max(item.n for item in own), 'seed')}; t interval; "
        f"two-sided sign-flip p, Holm within each family: {_family_sizes(own)}. "
        f"ROPE {PLUS_MINUS}{unit.value(first.rope)} {unit.difference}. Secondary.",
        report.alpha,
    )


def _family_sizes(items: Sequence[Comparison]) -> str:
    """`40 comparisons with the declared baselines, 20 with the un-evolved control`."""
    sizes = {
        "the un-evolved control" if item.baseline == UNEVOLVED else "the declared baselines":
        item.family_size
        for item in items
    }  # fmt: skip
    (first, count), *others = sizes.items()
    return ", ".join(
        [f"{counted(count, 'comparison')} with {first}"]
        + [f"{size} with {name}" for name, size in others]
    )
