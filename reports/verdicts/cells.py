"""A decision on paired scores as the cells of a table's row."""

from reports.page.grid import GridCell, limit_text
from reports.page.table import interval_text
from reports.page.wording import DASH, Unit, finite, p_cell
from reports.verdicts.decision import Decision
from reports.verdicts.kinds import label_of


def decision_cells(decision: Decision, unit: Unit) -> list[str]:
    """Mean difference, its interval, p, Holm's p, units won, verdict; what there is not is a dash,
    the p-value of a refused comparison too."""
    numbers = decision.numbers
    is_tested = decision.verdict != "refused"
    return [
        unit.gain(numbers.mean_difference) if numbers else DASH,
        interval_text(numbers.ci_low, numbers.ci_high, unit) if numbers else DASH,
        p_cell(numbers.p) if numbers and is_tested else DASH,
        p_cell(decision.p_holm),
        f"{numbers.wins}/{numbers.n}" if numbers else DASH,
        label_of(decision.verdict),
    ]


def grid_cell(decision: Decision, unit: Unit, label: str = "") -> GridCell:
    """A decision as a cell of a grid; `label`: what is said in place of the verdict, if anything.

    The verdict of a cell with a label is `unreached`: nothing was compared there.
    """
    numbers, planned = decision.numbers, decision.plan
    detectable = finite(planned.detectable) if planned else None
    return GridCell(
        unit.gain(numbers.mean_difference) if numbers else DASH,
        "unreached" if label else decision.verdict,
        "" if label else limit_text(decision.verdict, detectable, unit),
        decision.reason if decision.verdict == "refused" else decision.sentence,
        label,
    )
