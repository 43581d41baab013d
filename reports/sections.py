"""The sections of a report, in their order."""

from reports import picture_sections as pictures
from reports import result_sections as results
from reports import search_sections as search
from reports.material import Material, Section


def sections(material: Material) -> list[Section]:
    """All sections that this experiment has something for, in the order of the report."""
    found = [
        results.scores(material),
        results.comparisons(material),
        pictures.differences(material),
        pictures.convergence(material),
        results.across(material),
        results.method(material),
        results.rates(material),
        results.tuning(material),
        search.evolution(material),
        search.study(material),
        results.outcomes(material),
    ]
    return [section for section in found if section is not None]
