"""Sections of learning rates: the tuned against the common one, and what tuning spent."""

from reports.page.model import Section
from reports.page.wording import listed
from reports.significance import protocol_tables, tables
from reports.significance.material import Material


def rates(material: Material) -> Section | None:
    """The benchmark at one rate for all losses; None where it was not run at both."""
    data = material.data
    if set(data.rows["lr_policy"]) < {"tuned", "common"}:
        return None
    text = [
        "The same benchmark with one learning rate for all losses, "
        f"{data.experiment.tuning.common_rate:g}. The scale of a loss acts like a learning rate, "
        "so that this comparison favours losses whose scale happens to suit the rate."
    ]
    common = tables.scores(material, "common", material.ordered_losses())
    return Section(
        "rates",
        "Tuned and common rate",
        text,
        [tables.policies(material), common],
        folded=[protocol_tables.rates(material)],
    )


def tuning(material: Material) -> Section | None:
    """What tuning chose and spent; None where nothing was tuned."""
    choices = material.data.choices
    if choices.empty:
        return None
    spent = sorted(
        {int(c) * int(s) for c, s in zip(choices["configurations"], choices["seeds"], strict=True)}
    )
    text = [
        f"Tuning spent {listed([str(runs) for runs in spent])} runs on each loss and task: every "
        "setting on every tuning seed."
    ]
    return Section(
        "tuning", "Tuning budgets", text, folded=[protocol_tables.budgets(material.data)]
    )
