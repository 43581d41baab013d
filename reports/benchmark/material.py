"""What pages are made of: figures with captions, sections, and the page itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from bench.policies import title_of
from reports.benchmark.across import Across, score_table
from reports.benchmark.claims import MethodClaim
from reports.benchmark.comparisons import Comparison
from reports.benchmark.dependence import Dependence, dependences
from reports.data.model import ReportData, rules_of
from reports.figures.style import Look, looks
from reports.page.wording import counted


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
        """Means and standard deviations under each policy (`across.score_table`)."""
        return {policy: score_table(self.data, policy) for policy in self.data.policies}

    @cached_property
    def dependences(self) -> list[Dependence]:
        """The primary verdicts that are others under another policy."""
        return dependences(self.data, self.comparisons)

    @property
    def policy(self) -> str:
        """The policy of the verdicts, in words."""
        return title_of(self.data.policy)

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
