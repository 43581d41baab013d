"""The section of the control: the network before any evolution."""

from bench.catalogue.losses import UNEVOLVED
from reports.benchmark import tables
from reports.benchmark.material import Material
from reports.benchmark.sections.scores import caption_of
from reports.page.model import Section
from reports.verdicts.kinds import tone_of


def control(material: Material) -> Section | None:
    """What evolution added to the network it started from."""
    report = material.data.experiment.report
    tuned = [
        item
        for item in material.comparisons
        if (item.baseline, item.metric, item.policy)
        == (UNEVOLVED, report.metric, material.data.policy)
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
        f"Against the un-evolved network, {material.policy}",
        caption_of(material, tuned) + " Secondary.",
        report.alpha,
    )
    won = sum(tone_of(item.verdict) == "favourable" for item in tuned)
    return Section(
        "control", "The un-evolved control", text, [table], is_folded=True,
        about=f"what evolution added: better than {UNEVOLVED} in {won} of {len(tuned)}",
    )  # fmt: skip
