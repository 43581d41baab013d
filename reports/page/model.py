"""What pages are made of: figures with captions, sections, and the page itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from matplotlib.figure import Figure

from reports.page.table import Table


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
    report.json holds. rows: what rows.csv holds;
    files: further files by name.
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
