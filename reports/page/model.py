"""What pages are made of: figures with captions, sections, and the page itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from matplotlib.figure import Figure

from reports.page.grid import Grid
from reports.page.table import Table


@dataclass(frozen=True)
class Picture:
    """A figure with its file name and caption.

    draw: draws it, perhaps in another process: a drawing function and its arguments. title: what
    it is, for the line that unfolds it. `is_wide`: drawn for the whole width of a page, so that
    a narrow screen scrolls it.
    """

    name: str
    draw: Callable[[], Figure]
    caption: str
    title: str = ""
    is_wide: bool = True

    @property
    def heading(self) -> str:
        """The title, or else the name in words."""
        return self.title or self.name.replace("_", " ").capitalize()

    @property
    def alternative(self) -> str:
        """What a reader is told who does not see it; the caption beside it says the rest."""
        first = self.caption.partition(". ")[0].removesuffix(".")
        return f"{self.heading}: {first[:1].lower()}{first[1:]}"


@dataclass(frozen=True)
class Section:
    """A heading with what stands under it; what is folded opens on a click.

    about: what is in it, beside the heading of a section that is folded as a whole (`is_folded`).
    groups: further tables under headings of their own. code: text to copy as it stands.
    """

    anchor: str
    title: str
    text: Sequence[str] = ()
    tables: Sequence[Table] = ()
    pictures: Sequence[Picture] = ()
    folded: Sequence[Table | Picture] = ()
    about: str = ""
    is_folded: bool = False
    groups: Sequence["Group"] = ()
    code: str = ""

    @property
    def every_table(self) -> list[Table]:
        """All tables, in the order of the page."""
        own = [*self.tables, *(each for each in self.folded if isinstance(each, Table))]
        return own + [table for group in self.groups for table in group.tables]

    @property
    def every_picture(self) -> list[Picture]:
        """All figures, in the order of the page."""
        return [*self.pictures, *(each for each in self.folded if isinstance(each, Picture))]


@dataclass(frozen=True)
class Group:
    """Folded tables that belong together, as all of one metric."""

    title: str
    tables: Sequence[Table]


@dataclass(frozen=True)
class Page:
    """A whole report before it is written.

    answer: one sentence that answers the page's question. grid: the same at a glance, with figures
    `beside` it.
    caveats: what may change the answer, the gravest first. findings: the verdicts in sentences
    ready for a paper. note: what the verdicts rest on. methods: paragraphs that cite `references`
    (BibTeX keys) as [@key]. document: what report.json holds. rows: what rows.csv holds; files:
    further files by name.
    """

    kind: str
    name: str
    description: str
    answer: str
    grid: Grid | None
    beside: Sequence[Picture]
    caveats: Sequence[str]
    findings: Sequence[str]
    note: str
    sections: Sequence[Section]
    methods: Sequence[str]
    facts: Mapping[str, Any]
    commands: Sequence[str]
    document: Mapping[str, Any]
    rows: str
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def pictures(self) -> list[Picture]:
        """All figures, those of the head first."""
        every = [picture for section in self.sections for picture in section.every_picture]
        return [*self.beside, *every]

    @property
    def tables(self) -> list[Table]:
        """All tables, the grid of the head last."""
        every = [table for section in self.sections for table in section.every_table]
        return [*every, *([self.grid.table()] if self.grid else [])]
