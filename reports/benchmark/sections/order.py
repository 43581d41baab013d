"""The sections of a significance report, in their order."""

from reports.benchmark.material import Material
from reports.benchmark.sections import (
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
        scores.comparisons(material),
        scores.scores(material),
        convergence.convergence(material),
        rates.response(material),
        search.evolution(material),
        # Folded from here on.
        scope.method(material),
        control.control(material),
        scope.across(material),
        scope.new_tasks(material),
        rates.policies(material),
        scores.secondary(material),
        differences.differences(material),
        differences.all_pairs(material),
        differences.power(material),
        rates.tuning(material),
        cost.cost(material),
        search.study(material),
        task_section(material.data.descriptions, material.data.tasks),
        outcomes.outcomes(material),
        outcomes.rows(material),
    ]
    return [section for section in every if section is not None]
