"""What pages are made of: figures with captions, sections, and the page itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from bench.catalogue.losses import UNEVOLVED
from bench.policies import title_of
from reports.benchmark.across import Across, score_table, separations
from reports.benchmark.claims import MethodClaim
from reports.benchmark.comparisons import Comparison
from reports.benchmark.dependence import Dependence, dependences
from reports.data.model import ReportData, rules_of
from reports.figures.style import Look, looks
from reports.page.wording import counted


@dataclass(frozen=True)
class Material:
    """What the sections of a significance report are made of.

    references: hand-made losses and the control against the declared baselines.
    """

    data: ReportData
    comparisons: Sequence[Comparison]
    claims: Sequence[MethodClaim]
    method: Sequence[Comparison]
    new_tasks: Sequence[Comparison]
    across: Across | None
    references: Sequence[Comparison] = ()

    @property
    def primary(self) -> list[Comparison]:
        """The comparisons of the primary family."""
        return [item for item in self.comparisons if item.family == "primary"]

    @cached_property
    def score_tables(self) -> dict[str, pd.DataFrame]:
        """Means and standard deviations under each policy (`across.score_table`)."""
        tested = {self.data.policy: self.separation}
        return {
            policy: score_table(self.data, policy, tested.get(policy, {}))
            for policy in self.data.policies
        }

    @cached_property
    def separation(self) -> dict[str, pd.DataFrame]:
        """Which losses of a task are separated, under the primary policy (`across.separations`)."""
        return separations(self.data, self.data.policy)

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
        """The declared baselines, then the others by mean rank over the tasks, or as declared."""
        declared = list(self.data.losses)
        ranked = [str(loss) for loss in self.across.table["loss"]] if self.across else []
        first = [name for name in self.data.experiment.report.baselines if name in declared]
        return list(dict.fromkeys([*first, *ranked, *declared]))

    @cached_property
    def best_hand_made(self) -> str | None:
        """The loss that is neither baseline, candidate nor control with the best mean rank here.

        Over the tasks that all of them have; None where there is none. It is chosen by the very
        scores that it is shown with.
        """
        data = self.data
        besides = {*data.candidates, *data.experiment.report.baselines, UNEVOLVED}
        others = [loss for loss in data.losses if loss not in besides]
        means = pd.DataFrame(
            {task: scores.mean() for task, scores in data.scores.matrix(data.policy).items()}
        )
        known = means.reindex(others).dropna(axis="columns")
        if not others or known.empty:
            return None
        ranks = (-rules_of(data).sign * known).rank().mean(axis="columns")
        return str(ranks.idxmin())

    def correction(self) -> str:
        """The correction of the primary family, for captions."""
        return f"p-values after Holm over {counted(len(self.primary), 'primary comparison')}"

    def better(self) -> str:
        """Which direction is the good one, for captions."""
        sign = rules_of(self.data).sign
        return f"{'positive' if sign > 0 else 'negative'} values favour the candidate"
