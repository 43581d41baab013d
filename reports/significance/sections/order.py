"""The sections of a significance report, in their order."""

from reports.page.model import Section
from reports.significance.material import Material
from reports.significance.sections import aspects, results, search
from reports.significance.sections import differences as pictures
from reports.significance.sections import scope as scopes


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
