"""What sections are made of, and what they are."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from reports.compare import Comparison, rules_of
from reports.load import ReportData
from reports.plotting import Look, looks
from reports.summary import Across, MethodClaim
from reports.tables import Table
from reports.wording import counted


@dataclass(frozen=True)
class Picture:
    """A figure with its file name and caption."""

    name: str
    figure: Figure
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
class Material:
    """What the sections are made of."""

    data: ReportData
    comparisons: Sequence[Comparison]
    claims: Sequence[MethodClaim]
    across: Across | None

    @property
    def primary(self) -> list[Comparison]:
        """The comparisons of the primary family."""
        return [item for item in self.comparisons if item.family == "primary"]

    @property
    def style(self) -> dict[str, Look]:
        """How each loss is drawn."""
        return looks(self.data.experiment.losses(), self.data.candidates)

    def ordered_losses(self) -> list[str]:
        """Losses by mean rank over the tasks, or as declared."""
        declared = list(self.data.experiment.losses())
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
