"""The section "Tasks" of every report: what was understood of each, before it was trained on."""

from collections.abc import Sequence

import pandas as pd

from bench.describing.model import (
    SPLITS,
    FeatureDescription,
    TaskDescription,
)
from reports.page.model import Section
from reports.page.table import Table, plain_frame
from reports.page.wording import DASH, counted

MAX_LEVELS = 12
UNKNOWN = "Nothing is known here of the tasks but their names."


def task_section(descriptions: Sequence[TaskDescription], names: Sequence[str] = ()) -> Section:
    """All tasks: where they come from, examples, classes, columns, regimes, warnings.

    names: of tasks that results are reported of, described or not.
    """
    undescribed = [name for name in names if name not in {each.task for each in descriptions}]
    text = []
    if descriptions and undescribed:
        text.append(f"Nothing is known here but the name of {', '.join(undescribed)}.")
    elif not descriptions:
        text.append(UNKNOWN)
    folded = [
        table
        for name, title, frame, caption in (
            (
                "task_classes",
                "Classes of the tasks",
                _classes(descriptions),
                "Examples of each class in each split, under the regime, of the first task drawn.",
            ),
            (
                "task_columns",
                "Columns of the tasks",
                _columns(descriptions),
                "What was read as what; inputs: the numbers that a learner sees of a column.",
            ),
            (
                "task_regimes",
                "Regimes of the tasks",
                _regimes(descriptions),
                "What each regime changed of the first task drawn.",
            ),
        )
        if len(frame)
        for table in [plain_frame(name, title, caption, frame, in_latex=False)]
    ]
    tables = [_overview(descriptions)] if descriptions else []
    if len(notes := _notes(descriptions)):
        caption = "What was decided while the data were read, and what is doubtful about them."
        tables.append(
            plain_frame("task_notes", "Notes on the tasks", caption, notes, in_latex=False)
        )
    warned = sum(len(each.warnings) for each in descriptions)
    about = counted(len({*names, *(each.task for each in descriptions)}), "task")
    about += f", {counted(warned, 'warning')}" if warned else ""
    return Section("tasks", "Tasks", text, tables, folded=folded, is_folded=True, about=about)


def _overview(descriptions: Sequence[TaskDescription]) -> Table:
    rows = []
    for each in descriptions:
        low, high = each.train_sizes
        counts = {name: each.examples.get(name) for name in SPLITS[1:]}
        rows.append(
            {
                "task": each.task,
                "used for": ", ".join(each.roles) or DASH,
                "inputs": _inputs(each),
                "classes": len(each.classes),
                "train": f"{each.examples.get('train', 0)}"
                + (f" ({low} to {high} drawn)" if low != high else ""),
                **{
                    name.replace("_", " "): DASH if count is None else str(count)
                    for name, count in counts.items()
                },
                "source and licence": each.source,
                "about": each.about,
            }
        )
    return plain_frame(
        "tasks",
        "Tasks",
        "Examples in each split of the first task that is drawn, under its regime.",
        pd.DataFrame(rows),
        in_latex=False,
    )


def _inputs(each: TaskDescription) -> str:
    if each.picture is None:
        columns = len(each.features)
        return f"{each.inputs} of {columns} columns" if columns else str(each.inputs)
    shape = f"{each.picture.mode} {each.picture.width} x {each.picture.height}"
    return "; ".join([shape, *each.picture.conversions])


def _classes(descriptions: Sequence[TaskDescription]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "task": each.task,
                "class": one.name,
                **{name.replace("_", " "): one.examples.get(name) for name in SPLITS},
            }
            for each in descriptions
            for one in each.classes
        ]
    ).astype(object)


def _columns(descriptions: Sequence[TaskDescription]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "task": each.task,
                "column": one.name,
                "kind": one.kind,
                "missing": one.missing,
                "inputs": one.inputs,
                "encoding": one.encoding,
                "levels": _levels(one),
            }
            for each in descriptions
            for one in each.features
        ]
    )


def _levels(one: FeatureDescription) -> str:
    more = one.level_count - MAX_LEVELS
    return ", ".join(one.levels[:MAX_LEVELS]) + (f" and {more} more" if more > 0 else "") or DASH


def _notes(descriptions: Sequence[TaskDescription]) -> pd.DataFrame:
    """Warnings first, task by task."""
    return pd.DataFrame(
        [
            {"task": each.task, "what": what, "note": sentence}
            for each in descriptions
            for what, sentences in (("warning", each.warnings), ("decided", each.notes))
            for sentence in sentences
        ]
    )


def _regimes(descriptions: Sequence[TaskDescription]) -> pd.DataFrame:
    return pd.DataFrame(
        [{"task": each.task, **one.model_dump()} for each in descriptions for one in each.regimes]
    )
