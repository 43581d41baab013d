"""What was understood of the tasks of two stored runs: report.json lies beside each rows.csv."""

import json
from collections.abc import Sequence
from pathlib import Path

from bench.describing.model import TaskDescription, read_descriptions


def _read(rows: Path) -> list[TaskDescription]:
    """The descriptions in the report.json beside a rows.csv; none where there is no usable one."""
    try:
        document = json.loads((rows.parent / "report.json").read_text(encoding="utf-8"))
        return read_descriptions(document.get("tasks"))
    except (OSError, ValueError, AttributeError, TypeError):
        return []


def described_beside(names: Sequence[str]) -> tuple[list[TaskDescription], list[str]]:
    """The descriptions of A's and of B's tasks, once each, and what differs between them.

    names: the paths of the two tables of rows.
    """
    first, second = ({each.task: each for each in _read(Path(name))} for name in names)
    differing = [
        f"The data of task '{task}' differ between A and B."
        for task in first.keys() & second.keys()
        if first[task].content != second[task].content
    ]
    return list((second | first).values()), sorted(differing)
