"""The section of the control: the network before any evolution."""

from bench.catalogue.losses import UNEVOLVED
from reports.page.model import Section
from reports.significance import tables
from reports.significance.material import Material
from reports.significance.sections.scores import caption_of


def control(material: Material) -> Section | None:
    """What evolution added to the network it started from."""
    report = material.data.experiment.report
    tuned = [
        item
        for item in material.comparisons
        if (item.baseline, item.metric, item.lr_policy) == (UNEVOLVED, report.metric, "tuned")
    ]
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
