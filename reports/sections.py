"""The sections of a significance report, in their order."""

from reports import aspect_sections as aspects
from reports import picture_sections as pictures
from reports import result_sections as results
from reports import scope_sections as scopes
from reports import search_sections as search
from reports.material import Material, Section


def sections(material: Material) -> list[Section]:
    """All sections that this experiment has something for, in the order of the report."""
    found = [
        results.scores(material),
        results.comparisons(material),
        pictures.differences(material),
        pictures.all_pairs(material),
        scopes.across(material),
        aspects.convergence(material),
        aspects.adaptability(material),
        scopes.method(material),
        scopes.new_tasks(material),
        results.rates(material),
        results.control(material),
        results.cost(material),
        search.evolution(material),
        search.study(material),
        pictures.power(material),
        results.tuning(material),
        results.outcomes(material),
        results.rows(material),
    ]
    return [section for section in found if section is not None]
