"""What a report says of results that were computed elsewhere: what was taken, paired and chosen."""

from bench.policies import COMMON, PRIMARY
from reports.data.given.data import GivenData
from reports.data.model import ReportData
from reports.page.wording import counted, listed


def given_methods(data: GivenData) -> list[str]:
    """Paragraphs on the results, on what pairs them, and on how configurations were chosen."""
    return [_design(data), _choice(data)]


def given_warnings(data: ReportData) -> list[str]:
    """What a reader of given results must know first."""
    if not isinstance(data, GivenData) or data.source.has_rope:
        return []
    return [
        f"No region of practical equivalence is declared for {data.experiment.report.metric} "
        "(--rope): any difference counts, however small, and nothing can be equivalent."
    ]


def _design(data: GivenData) -> str:
    source = data.source
    losses = listed(list(data.candidates))
    text = (
        f"We compared {losses} with {listed(list(data.experiment.report.baselines))} on "
        f"{counted(len(data.tasks), 'task')}, from {counted(source.rows, 'result')} that were "
        f"computed elsewhere ({source.name}). Two results are a pair where task, learner and seed "
        "are the same, and the seed is the unit of replication; that such runs differ in nothing "
        "but the loss and how it was tuned (the same split, initial weights and minibatches) is "
        "taken on trust, as is that seeds are independent of one another and that the test split "
        "chose nothing. Every loss is expected on every task with each seed that the task has by "
        "any loss: what is absent is listed as missing, and its comparisons are refused."
    )
    learners = list(dict.fromkeys(data.plan["learner"]))
    if learners != ["unnamed"]:
        text += f" Learner: {listed(learners)}."
    if source.renamed:
        text += (
            f" {listed(list(source.renamed))}: trained with several learners, each of which is "
            "shown as a task of its own."
        )
    if source.unused:
        text += f" Columns that were not used: {listed(list(source.unused))}."
    return text


def _choice(data: GivenData) -> str:
    if data.configurations.empty:
        if data.policies == ("given",):
            return (
                "Tuning: the results hold one run for each seed, so that nothing is known here of "
                "how learning rates were chosen. If they were tuned once and shared by all seeds, "
                "the luck of that tuning is outside every interval below."
            )
        return (
            "Tuning: the results name the policy that chose each of them; what it chose among is "
            "not known here."
        )
    tuned = data.configurations[data.configurations["is_tuned"]]
    counts = sorted(set(data.tuning["configurations"]))
    many = " or ".join(map(str, counts))
    rates = sorted(set(tuned["lr"]))
    text = (
        f"Tuning: every loss was tried in {many} configurations on every seed (learning rates "
        f"{listed([f'{rate:g}' for rate in rates[:12]])}"
        f"{' and more' if len(rates) > 12 else ''}), and each seed took what was best by its own "
        f"{data.experiment.tuning.metric.replace('_', ' ')} on a validation split (column inner): "
        "a seed is one whole run of the procedure, so that the luck of tuning is inside every "
        "interval. For equal scores the smaller rate was taken, then the parameter that the "
        "results name first."
    )
    if PRIMARY in data.policies and COMMON in data.policies:
        text += f" The common-rate comparison uses {data.experiment.tuning.common_rate:g}."
    return text
