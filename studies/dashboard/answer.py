"""The answer that a study's note opens with: what is best, against what, and what mattered."""

from collections.abc import Sequence

from bench.experiment.study import AblateStudy, ScreenStudy, StudyBase, called
from bench.running.intervals import mean_and_half_width
from studies.dashboard.data import ReviewData, seed_means
from studies.dashboard.importance import TRIALS_FOR_EVIDENCE
from studies.naming import trial_name
from studies.objectives import keeps_rule
from studies.outcome import StudyTrial
from studies.plan import StudyPlan
from studies.protocol import short

MENTIONED = 3


def answer(study: StudyBase, plan: StudyPlan, review: ReviewData) -> str:
    """In a few sentences; "" for an ablation, whose answers are its cells."""
    best = review.result.best
    if isinstance(study, AblateStudy):
        return ""
    if best is None:
        return "**Answer.** None yet: no trial is complete and feasible."
    sentences = [_best(study, plan, review, best)]
    known = [t for t in named_trials(review) if t.value is not None and t.slot != best.slot]
    if known:
        sentences += [f"{against(review, best, other)}." for other in known]
    elif review.origins[best.slot] == "sampler":
        sentences.append(
            "It is not compared with the defaults, which no trial has: name them in study.variants."
        )
    sentences.append(_mattered(review))
    return "**Answer.** " + " ".join(filter(None, sentences))


def named_trials(review: ReviewData) -> list[StudyTrial]:
    """The incumbent, the defaults and the variants, where they were tried."""
    return [t for t in review.result.trials if called(review.origins[t.slot])]


def against(review: ReviewData, one: StudyTrial, other: StudyTrial) -> str:
    """The difference of one trial from another, paired by evolution seed where both have several;
    with its 95 % t interval (Student 1908), not corrected for several comparisons."""
    name = called(review.origins[other.slot])
    rival = f"{name} (trial {other.number})" if name else f"trial {other.number}"
    means = seed_means(review.gains)
    pairs = paired(means.get(one.slot, {}), means.get(other.slot, {}))
    if len(pairs) < 2 or review.result.kind == "screen":
        difference = (one.value or 0.0) - (other.value or 0.0)
        return (
            f"Against {rival}: {100 * difference:+.2f} points, one evolution "
            "each, which cannot tell the two apart"
        )
    mean, half = mean_and_half_width(pairs)
    assert mean is not None
    assert half is not None
    told = "not told apart" if abs(mean) <= half else "better" if mean > 0 else "worse"
    return (
        f"Against {rival}: {100 * mean:+.2f} points, 95 % "
        f"[{100 * (mean - half):+.2f}, {100 * (mean + half):+.2f}] over {len(pairs)} paired "
        f"evolution seeds: {told}"
    )


def paired(one: dict[int, float], other: dict[int, float]) -> list[float]:
    """The differences of the evolution seeds that both have."""
    return [one[seed] - other[seed] for seed in one if seed in other]


def _best(study: StudyBase, plan: StudyPlan, review: ReviewData, best: StudyTrial) -> str:
    name = called(review.origins[best.slot])
    own = f", {name}," if name else ""
    text = (
        f"Best is trial {best.number}{own} `{trial_name(plan.space, best.params)}`: "
        f"{100 * (best.value or 0.0):+.2f} points over tuned cross-entropy"
    )
    if best.worst is not None:
        text += f", {100 * best.worst:+.2f} on its worst regime"
    if isinstance(study, ScreenStudy) and study.has_worst_regime and not keeps_rule(best, study):
        text += (
            f" (no trial's worst regime gains more than {100 * study.min_worst_regime:+g} points: "
            "this one's is the best)"
        )
    return text + "."


def _mattered(review: ReviewData) -> str:
    shares = review.shares
    if not shares.shares:
        return ""
    ordered: Sequence[tuple[str, float]] = sorted(shares.shares.items(), key=lambda item: -item[1])
    listed = ", ".join(f"`{short(name)}` ({share:.0%})" for name, share in ordered[:MENTIONED])
    if shares.trials < TRIALS_FOR_EVIDENCE:
        return (
            f"What mattered is not known from {shares.trials} random trials (the largest shares: "
            f"{listed}; {TRIALS_FOR_EVIDENCE} trials would be evidence)."
        )
    return f"What mattered most in {shares.trials} random trials: {listed}."
