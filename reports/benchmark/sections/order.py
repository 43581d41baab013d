"""The sections of a significance report, in their order."""

from reports.benchmark.material import Material
from reports.benchmark.sections import (
    adaptability,
    control,
    convergence,
    cost,
    differences,
    outcomes,
    rates,
    scope,
    scores,
    search,
)
from reports.page.described import task_section
from reports.page.model import Section


def sections(material: Material) -> list[Section]:
    """All sections that this experiment has something for, in the order of the report."""
    every = [
        scores.scores(material),
        scores.comparisons(material),
        differences.differences(material),
        differences.all_pairs(material),
        scope.across(material),
        convergence.convergence(material),
        adaptability.adaptability(material),
        scope.method(material),
        scope.new_tasks(material),
        rates.policies(material),
        rates.response(material),
        control.control(material),
        cost.cost(material),
        search.evolution(material),
        search.study(material),
        differences.power(material),
        rates.tuning(material),
        task_section(material.data.descriptions, material.data.tasks),
        outcomes.outcomes(material),
        outcomes.rows(material),
    ]
    return [section for section in every if section is not None]
