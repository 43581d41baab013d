"""The Pareto front of a study with two objectives: its table, its scatter, its sentence."""

from functools import partial

import pandas as pd

from reports.page.model import Picture, Section
from reports.page.table import Table
from reports.page.wording import counted, unit_of
from reports.study import figures as study_figures
from reports.study.data import StudyData

POINTS = unit_of("accuracy")

SECOND = {"gain on the worst regime": "worst_regime", "member-steps": "member_steps"}
"""The column of a study's trials that a second objective is, by the name that protocols have."""


def second_column(data: StudyData) -> str | None:
    """The column of the second objective, None where there is one objective."""
    names = data.protocol.get("objectives", ())
    column = SECOND.get(names[1]) if len(names) > 1 else None
    return column if column in data.trials else None


def front_finding(data: StudyData) -> list[str]:
    """How the best trial was chosen, and how large the front is."""
    if second_column(data) is None or not data.front:
        return []
    count = counted(len(data.front), "trial")
    return [f"Pareto front of {count}. {data.protocol.get('choice', '')}".strip()]


def front_section(data: StudyData) -> Section | None:
    """Both objectives of every complete trial, the front and the chosen one."""
    column = second_column(data)
    complete = data.complete
    if column is None or not len(complete):
        return None
    study = data.experiment.study
    is_worst = column == "worst_regime"
    factor, label = (
        (100.0, "gain on the worst regime (points)") if is_worst else (1e-6, "million member-steps")
    )
    least = getattr(study, "min_worst_regime", None) if is_worst else None
    on_front = {trial["slot"] for trial in data.front}
    draw = partial(
        study_figures.front, complete, column, on_front, data.best.get("slot"),
        (factor, label), None if least is None else least * factor,
    )  # fmt: skip
    caption = (
        f"Both objectives of every complete trial (n = {len(complete)}): gain over tuned CE in "
        f"points against {label}. Orange: the Pareto front; ring: the chosen trial"
        + (f"; dashed: {least * factor:+g} points, above which it is looked for" if least else "")
        + ". One evolution each, no error bars, no test: the front of many trials is an optimistic "
        "estimate."
    )
    numbers = complete[complete["slot"].isin(on_front)].sort_values(column, kind="stable")
    shown = pd.DataFrame(
        {
            "trial": numbers["number"].astype(str),
            "gain (points)": [POINTS.gain(value) for value in numbers["value"]],
            label: [
                POINTS.gain(value) if is_worst else f"{factor * value:.3g}"
                for value in numbers[column]
            ],
        }
    )
    table = Table("front", "Pareto front", "Best in the second objective last.", numbers, shown)
    return Section(
        "front", "Pareto front", [], [table], [Picture("front", draw, caption, is_wide=False)]
    )
