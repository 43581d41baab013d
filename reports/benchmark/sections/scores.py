"""Sections of scores, and of the comparisons between them."""

from collections.abc import Sequence

from bench.catalogue.losses import UNEVOLVED
from bench.catalogue.metrics import Aspect
from reports.benchmark import tables
from reports.benchmark.comparisons import Comparison
from reports.benchmark.material import Material
from reports.data.metrics import title_of
from reports.page.model import Section
from reports.page.table import Table
from reports.page.wording import PLUS_MINUS, counted, listed, unit_of


def scores(material: Material) -> Section | None:
    """Mean and spread of every loss on every task; None where there is no run."""
    table = tables.scores(material, material.data.policy, material.ordered_losses())
    return Section("scores", "Scores", tables=[table]) if len(table.shown) else None


def comparisons(material: Material) -> Section | None:
    """The primary family, and folded the secondary ones that no other section shows."""
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
    folded = []
    families: dict[str, list[Comparison]] = {}
    for item in items:
        own_section = item.aspect != "performance" and item.metric != report.metric
        if item.family == "secondary" and not own_section:
            families.setdefault(item.family_name, []).append(item)
    for place, (name, own) in enumerate(families.items(), 1):
        folded.append(
            tables.comparisons(
                own,
                f"comparisons_secondary_{place}",
                f"Secondary family: {name}",
                caption_of(material, own),
                report.alpha,
            )
        )
    text = [
        f"The primary family was declared "
        f"{'for this report' if material.data.is_given else 'before the run'} and is corrected by "
        "itself. Secondary "
        "families are exploratory; each is corrected by itself. These are claims about "
        f"{'these evolved losses' if material.data.evolved else 'these losses'} on these tasks."
    ]
    untested = [
        name for name in material.data.metrics if name not in {item.metric for item in items}
    ]
    if untested:
        text.append(
            f"Not tested, because neither direction nor ROPE was declared: {listed(untested)}."
        )
    return Section("comparisons", "Comparisons", text, shown, folded=folded)


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
        f"one-sided t tests, not corrected{steps_of(items)}. A difference leads to its rows."
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


def aspect_tables(material: Material, aspect: Aspect) -> list[Table]:
    """One table per metric of an aspect: its comparisons with declared baselines and control."""
    report, shown = material.data.experiment.report, []
    items = [
        item
        for item in material.comparisons
        if item.aspect == aspect and item.family == "secondary" and item.metric != report.metric
    ]
    for metric in dict.fromkeys(item.metric for item in items):
        own = [item for item in items if item.metric == metric and item.n]
        if not own:
            continue
        unit = unit_of(metric)
        direction = "higher" if own[0].direction == "maximise" else "lower"
        sizes = sorted({item.family_size for item in own})
        shown.append(
            tables.comparisons(
                own,
                f"{aspect}_{metric}",
                f"{title_of(metric)[:1].upper()}{title_of(metric)[1:]}",
                f"Candidate minus baseline on paired test seeds, {material.policy}; {direction} is "
                f"better. n = {counted(max(item.n for item in own), 'seed')}; t interval; "
                "two-sided sign-flip p, Holm within each family of "
                f"{' and '.join(map(str, sizes))} comparisons (declared baselines"
                f"{'; un-evolved control' if any(i.baseline == UNEVOLVED for i in own) else ''}). "
                f"ROPE {PLUS_MINUS}{unit.value(own[0].rope)} {unit.difference}. Secondary.",
                report.alpha,
            )
        )
    return shown
