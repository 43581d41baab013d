"""The section of adaptability: how losses cope with a drift."""

from reports.benchmark.material import Material
from reports.benchmark.sections.scores import aspect_tables
from reports.page.model import Section


def adaptability(material: Material) -> Section | None:
    """How well losses cope with a drift; None where no task drifts."""
    compared = aspect_tables(material, "adaptability")
    if not compared:
        return None
    text = [
        "After the drift a learner goes on training under the same loss. Tasks without a drift "
        "have no such scores and are left out."
    ]
    return Section("adaptability", "Adaptability", text, compared)
