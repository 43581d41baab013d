"""Sections of what became of the runs, and of where their rows are."""

from reports.benchmark import protocol_tables, tables
from reports.benchmark.material import Material
from reports.page.model import Section
from reports.page.table import plain_frame
from reports.page.wording import counted

MAX_MISSING_ROWS = 1000
"""Missing runs that the page lists."""


def outcomes(material: Material) -> Section:
    """How many runs diverged or are missing, and folded which are missing."""
    data = material.data
    frame = protocol_tables.counts(data)
    if frame.empty:
        return Section(
            "outcomes", "Missing and diverged runs", ["Every planned run finished; none diverged."],
            is_folded=True, about="none",
        )  # fmt: skip
    text = [
        f"Diverged runs keep their pair with the declared worst score "
        f"({data.experiment.report.worst:g}); missing ones make their comparisons refused."
    ]
    counts = plain_frame("outcomes", "Counts", "Number of runs (seeds).", frame)
    folded = []
    if len(data.missing):
        listed = data.missing.iloc[:MAX_MISSING_ROWS]
        caption = "One per row."
        if len(listed) < len(data.missing):
            caption = f"The first {len(listed)} of {len(data.missing)}; report.json has all."
        folded.append(plain_frame("missing", "Missing runs", caption, listed))
    about = f"{frame['diverged'].sum()} diverged, {frame['missing'].sum()} missing"
    return Section(
        "outcomes", "Missing and diverged runs", text, [counts], folded=folded, is_folded=True,
        about=about,
    )  # fmt: skip


def rows(material: Material) -> Section:
    """Where the rows behind every number are."""
    count = counted(len(material.data.rows), "run")
    text = [f"rows.csv has all {count}, one per line, in blocks by task, loss and rate."]
    return Section(
        "rows", "Rows behind the numbers", text, [tables.blocks(material)], is_folded=True,
        about="which lines of rows.csv a number is the mean of",
    )  # fmt: skip
