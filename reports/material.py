"""What pages are made of: figures with captions, sections, and the page itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from reports.claims import MethodClaim
from reports.compare import Comparison, rules_of
from reports.load import ReportData
from reports.plotting import Look, looks
from reports.summary import Across, score_table
from reports.table import Table
from reports.wording import counted


@dataclass(frozen=True)
class Picture:
    """A figure with its file name and caption.

    draw: draws it, perhaps in another process: a drawing function and its arguments.
    """

    name: str
    draw: Callable[[], Figure]
    caption: str


@dataclass(frozen=True)
class Section:
    """A heading with what stands under it; folded tables open on a click."""

    anchor: str
    title: str
    text: Sequence[str] = ()
    tables: Sequence[Table] = ()
    pictures: Sequence[Picture] = ()
    folded: Sequence[Table] = ()


@dataclass(frozen=True)
class Page:
    """A whole report before it is written.

    warnings: what a reader must know first. findings: the verdict in sentences. head: the verdict
    as tables. methods: paragraphs that cite `references` (BibTeX keys) as [@key]. document: what
    report.json holds. tables: files beside the page that no section shows, by their path.
    """

    kind: str
    name: str
    description: str
    warnings: Sequence[str]
    findings: Sequence[str]
    head: Sequence[Table]
    note: str
    sections: Sequence[Section]
    methods: Sequence[str]
    facts: Mapping[str, Any]
    commands: Sequence[str]
    document: Mapping[str, Any]
    rows: str
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Material:
    """What the sections of a significance report are made of."""

    data: ReportData
    comparisons: Sequence[Comparison]
    claims: Sequence[MethodClaim]
    method: Sequence[Comparison]
    new_tasks: Sequence[Comparison]
    across: Across | None

    @property
    def primary(self) -> list[Comparison]:
        """The comparisons of the primary family."""
        return [item for item in self.comparisons if item.family == "primary"]

    @cached_property
    def score_tables(self) -> dict[str, pd.DataFrame]:
        """Means and standard deviations under each policy (reports.summary.score_table)."""
        return {policy: score_table(self.data, policy) for policy in ("tuned", "common")}

    @property
    def style(self) -> dict[str, Look]:
        """How each loss is drawn."""
        return looks(self.data.losses, self.data.candidates)

    def ordered_losses(self) -> list[str]:
        """Losses by mean rank over the tasks, or as declared."""
        declared = list(self.data.losses)
        if self.across is None:
            return declared
        ranked = [str(loss) for loss in self.across.table["loss"]]
        return [*ranked, *(loss for loss in declared if loss not in ranked)]

    def correction(self) -> str:
        """The correction of the primary family, for captions."""
        return f"p-values after Holm over {counted(len(self.primary), 'primary comparison')}"

    def better(self) -> str:
        """Which direction is the good one, for captions."""
        sign = rules_of(self.data).sign
        return f"{'positive' if sign > 0 else 'negative'} values favour the candidate"
