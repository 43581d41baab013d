"""The study report in sentences: findings, warnings, methods."""

from collections.abc import Sequence

from reports.page.wording import counted, listed, unit_of
from reports.study.confirmed import confirmed_findings
from reports.study.data import MIN_TRIALS, StudyData
from reports.study.gains import Gain
from reports.study.two_objectives import front_finding
from reports.verdicts.gate import refusal_lines


def findings(data: StudyData, gains: Sequence[Gain]) -> list[str]:
    """What tuning gained, which trial was best, and which settings mattered."""
    unit = unit_of(data.experiment.report.metric)
    sentences = [gain.decision.sentence for gain in gains]
    if data.confirmation is not None:
        sentences += confirmed_findings(data.confirmation)
    trials = counted(len(data.trials), "trial")
    if data.best:
        sentences.append(
            f"Best of {trials}: trial {data.best['number']} with a gain of "
            f"{unit.gain(data.best['value'])} {unit.difference} over tuned CE on the study's own "
            "tasks; the best of many trials is an optimistic estimate."
        )
    sentences += front_finding(data)
    excluded = len(data.excluded)
    if excluded and data.experiment.study:
        allowed = 100 * data.experiment.study.max_diverged
        sentences.append(
            f"{excluded} of {trials} infeasible, and so never the best: more than {allowed:g} % of "
            "the learners judged in it diverged."
        )
    top = data.importances.head(3)
    if len(top):
        parts = [f"{row.name} ({row.share:.2f})" for row in top.itertuples(index=False, name="R")]
        few = ""
        if len(data.trials) < MIN_TRIALS:
            few = f"; below {MIN_TRIALS} trials this is no evidence"
        sentences.append(f"Most important settings: {listed(parts)}{few}.")
    return sentences


def warnings(data: StudyData, gains: Sequence[Gain]) -> list[str]:
    """What a reader must know first."""
    lines = []
    if not data.is_finished:
        lines.append(
            "The study is not finished: its best trial may still change; run `mln-bench study` "
            "with this experiment to the end."
        )
    elif not data.best:
        lines.append("No trial of the study is both complete and feasible.")
    if not gains and data.confirmation is None:
        lines.append(
            "What tuning gained is not known: run the benchmark with the winner's settings and "
            "with the default ones, and report both."
        )
    decisions = [gain.decision for gain in gains]
    decisions += data.confirmation.decisions if data.confirmation else []
    refused = (decision for decision in decisions if decision.verdict == "refused")
    lines += refusal_lines(decision.reason for decision in refused)
    failed = int(data.trials["state"].isin(["fail", "failed"]).sum())
    if failed:
        lines.append(f"{failed} of {counted(len(data.trials), 'trial')} failed.")
    for part in (data.winner, data.default):
        if part is not None and len(part.missing):
            lines.append(f"{part.experiment.name}: {len(part.missing)} runs missing or failed.")
    return lines


def methods(data: StudyData, gains: Sequence[Gain]) -> list[str]:
    """The methods paragraphs, with citations."""
    spent = int(data.trials["member_steps"].sum())
    tuning = (
        f"The settings of the evolution (Adaptive Meta-Loss Networks [@yunita2026]) were tuned "
        f"with Optuna [@akiba2019] in {counted(len(data.trials), 'trial')} and {spent:,} "
        "member-steps; a trial's value is the gain of its evolved loss over tuned cross-entropy "
        "on tasks and seeds of the study's own. Importances are after PED-ANOVA [@watanabe2023]."
    )
    if not gains:
        return [tuning]
    runs, seeds = gains[0].differences.shape
    comparison = (
        f"The winner's and the default settings then evolved {runs} losses each from fresh "
        f"seeds, run k of both from the same one, and were benchmarked on {seeds} test seeds with "
        "the same initial weights and batches. The difference treats runs and seeds as crossed "
        "random factors [@clark1973]; p is the larger of that test's and of a sign-flip test over "
        "runs [@fisher1935], corrected after Holm [@holm1979] over tasks."
    )
    return [tuning, comparison]
