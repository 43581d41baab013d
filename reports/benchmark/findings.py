"""Three to six plain sentences on what was found, generated from the numbers."""

from collections import Counter
from collections.abc import Sequence

from reports.benchmark.claims import MethodClaim
from reports.benchmark.comparisons import Comparison
from reports.benchmark.dependence import in_words
from reports.data.model import ReportData, rules_of
from reports.page.wording import counted, listed, sentence, unit_of
from reports.verdicts.gate import MIN_SEEDS
from reports.verdicts.kinds import VERDICTS, label_of, ranked_verdicts, tone_of
from reports.verdicts.prospects import MIN_RUNS, shortfall

MAX_REASONS = 3


def findings(
    data: ReportData, comparisons: Sequence[Comparison], claims: Sequence[MethodClaim]
) -> list[str]:
    """Sentences for the head of the report: counts, the extremes, the method, failures."""
    primary = [item for item in comparisons if item.family == "primary"]
    sentences = [
        _counts(baseline, [item for item in primary if item.baseline == baseline])
        for baseline in dict.fromkeys(item.baseline for item in primary)
    ]
    if len(data.candidates) > 1:
        sentences += _by_candidate(primary)
    sentences += _extremes(data, primary)
    sentences += in_words(data, comparisons)
    sentences += _coarse(primary)
    sentences += too_few(data, primary)
    sentences += of_the_method(data, claims)
    sentences += _failures(data)
    return sentences


def verdict_counts(items: Sequence[Comparison]) -> dict[str, int]:
    """How many comparisons have each verdict, absent verdicts included."""
    counts: Counter[str] = Counter(item.verdict for item in items)
    return {verdict: counts[verdict] for verdict in ranked_verdicts()}


def _counts(baseline: str, items: Sequence[Comparison]) -> str:
    parts = [
        f"{count} {label_of(verdict)}"
        for verdict, count in verdict_counts(items).items()
        if count or VERDICTS[verdict].always_counted
    ]
    tasks, candidates = ({getattr(item, key) for item in items} for key in ("task", "candidate"))
    return (
        f"Against {baseline}, {counted(len(items), 'comparison')} "
        f"({counted(len(candidates), 'candidate')}, {counted(len(tasks), 'task')}): "
        f"{'; '.join(parts)}."
    )


def _by_candidate(primary: Sequence[Comparison]) -> list[str]:
    """Which candidates were never shown to be better than some baseline."""
    parts = []
    for baseline in dict.fromkeys(item.baseline for item in primary):
        items = [item for item in primary if item.baseline == baseline]
        names = list(dict.fromkeys(item.candidate for item in items))
        won = {item.candidate for item in items if tone_of(item.verdict) == "favourable"}
        lost = [name for name in names if name not in won]
        if lost:
            parts.append(
                f"none of the {len(names)} candidates is better than {baseline} on any task"
                if len(lost) == len(names) > 1
                else f"{listed(lost)} on no task better than {baseline}"
            )
    return [f"What was not shown: {'; '.join(parts)}."] if parts else []


def _extremes(data: ReportData, primary: Sequence[Comparison]) -> list[str]:
    sign = rules_of(data).sign
    first = data.experiment.report.baselines[0] if data.experiment.report.baselines else None
    judged = [
        item for item in primary if item.verdict != "refused" and item.mean_difference is not None
    ]
    judged = [item for item in judged if item.baseline == first] or judged
    if not judged:
        return ["No primary comparison could be judged; the reasons stand below."]
    ordered = sorted(judged, key=lambda item: sign * (item.mean_difference or 0.0))
    best, worst = ordered[-1], ordered[0]
    sentences = []
    if sign * (best.mean_difference or 0.0) > 0:
        sentences.append(f"Largest gain, on {best.task}: {best.sentence}")
    if sign * (worst.mean_difference or 0.0) < 0:
        sentences.append(f"Largest loss, on {worst.task}: {worst.sentence}")
    return sentences


def _coarse(primary: Sequence[Comparison]) -> list[str]:
    """Comparisons that look equivalent and are not called so, with the reasons."""
    reasons = Counter(item.reason for item in primary if item.is_coarse)
    return [
        f"{counted(count, 'comparison')} with hardly a difference not called equivalent: {reason}."
        for reason, count in reasons.most_common(MAX_REASONS)
    ]


def too_few(data: ReportData, primary: Sequence[Comparison]) -> list[str]:
    """Whether so few seeds could show any difference at all after the correction."""
    n, alpha = max((item.n for item in primary), default=0), data.experiment.report.alpha
    if n < MIN_SEEDS:
        return []
    key = "more seeds for every loss" if data.is_given else "benchmark.seeds"
    return _sentences(shortfall(n, len(primary), alpha, "seeds", "primary comparisons", key))


def of_the_method(data: ReportData, claims: Sequence[MethodClaim]) -> list[str]:
    """What was shown of the method, or why nothing can be."""
    runs = len(data.evolved)
    if not claims:
        return []
    if runs < MIN_RUNS:
        return [
            f"These are claims about {counted(runs, 'evolved loss', 'evolved losses')}, not about "
            f"the method: that takes at least {MIN_RUNS} independent evolution runs, so what "
            "is said of the method below is descriptive."
        ]
    unit, alpha = unit_of(data.experiment.report.metric), data.experiment.report.alpha
    hopeless = _sentences(
        shortfall(
            runs, len(claims), alpha,
            "evolution runs", "comparisons of the method", "evolution.runs",
        )
    )  # fmt: skip
    if hopeless:
        return hopeless
    shown = [claim for claim in claims if claim.p_holm is not None and claim.p_holm < alpha]
    text = listed(
        [f"{claim.task} against {claim.baseline} ({unit.gain(claim.mean)})" for claim in shown]
    )
    return [
        f"The method, over {counted(runs, 'independent evolution run')}: its mean gain differs "
        f"from 0 in {len(shown)} of {len(claims)} pairs of task and baseline"
        f"{f' ({unit.difference}): {text}' if shown else ''}."
    ]


def _sentences(text: str) -> list[str]:
    return [sentence(text)] if text else []


def _failures(data: ReportData) -> list[str]:
    diverged = int((data.rows["status"] == "diverged").sum())
    missing = len(data.missing)
    sentences = []
    if diverged:
        sentences.append(
            f"{counted(diverged, 'run')} of {len(data.rows)} diverged and "
            f"{'counts' if diverged == 1 else 'count'} with the declared worst score."
        )
    if missing:
        sentences.append(f"{counted(missing, 'run')} missing or failed.")
    return sentences
