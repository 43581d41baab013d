"""From paired scores to a verdict, by a procedure that no look at the data can change.

The order is fixed: gate, better or worse, equivalent, better or worse of unknown size,
inconclusive. Differences are candidate minus baseline in the metric's own units; with direction
"minimise" a negative difference is the better one.
"""

import math
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from reports import stats
from reports.page.wording import Unit, counted
from reports.verdicts.gate import MIN_UNITS
from reports.verdicts.kinds import Verdict
from reports.verdicts.prospects import enough, lowest_p

Replicate = Literal["seed", "run", "task"]
"""What is drawn again: test seeds, evolution runs, or tasks (each the mean over its seeds)."""

NOUNS: dict[Replicate, str] = {"seed": "pair", "run": "run", "task": "task"}


class Rules(NamedTuple):
    """What is declared before the run; `rope` is in the metric's units."""

    direction: Literal["maximise", "minimise"] = "maximise"
    rope: float = 0.005
    alpha: float = 0.05

    @property
    def sign(self) -> float:
        """+1 where a higher score is better, -1 where a lower one is."""
        return 1.0 if self.direction == "maximise" else -1.0


class Basis(NamedTuple):
    """On what a family of comparisons is judged.

    rules: what is declared. shown: the unit of the metric. unit: what is drawn again. family: how
    many comparisons are corrected together.
    """

    rules: Rules
    shown: Unit
    unit: Replicate = "seed"
    family: int = 1


class Numbers(NamedTuple):
    """Everything measured in one comparison of n pairs; `wins` and `p_better` favour the candidate.

    `resolution` is the step between two scores of one pair, NaN where it is not known; `least_sd`
    what the SD was taken for at least in the test of equivalence (reports.stats.equivalence).
    `both_diverged` counts the pairs that are alike for that reason alone.

    `bca_low` and `bca_high` are NaN where no bootstrap interval was drawn (`decision`). Without
    sensitivity analyses `p_wilcoxon`, `rank_biserial` and `median_difference` are, too.
    """

    n: int
    mean_difference: float
    ci_low: float
    ci_high: float
    sd_difference: float
    p: float
    p_exact: bool
    p_wilcoxon: float
    p_equivalence: float
    dz: float
    rank_biserial: float
    p_better: float
    wins: int
    ties: int
    median_difference: float
    bca_low: float
    bca_high: float
    resolution: float = math.nan
    least_sd: float = 0.0
    both_diverged: int = 0


class PowerPlan(NamedTuple):
    """What an inconclusive comparison could have found; the level is that of its family.

    `detectable` is a difference in the metric's units, `seeds` the pairs that give 80 % power to
    detect a difference as large as the ROPE (None above 100,000 or without a ROPE).
    """

    detectable: float
    seeds: int | None
    alpha: float


def measure(
    candidate: ArrayLike,
    baseline: ArrayLike,
    rules: Rules,
    *,
    unit: Replicate = "seed",
    sensitivity: bool = True,
    bca: stats.Interval | None = None,
    resolution: float | None = None,
    both_diverged: int = 0,
) -> Numbers:
    """The numbers of one comparison from paired scores of shape (n,), n >= 2.

    bca: its bootstrap interval, if one was drawn. resolution: the step between two scores of one
    pair (1 / test examples), by default as the scores themselves show it. both_diverged: pairs
    in which neither run came to its end; their differences of 0 are no evidence of equivalence.

    The test is the sign-flip permutation test, over tasks Wilcoxon's signed-rank test: tasks
    differ too much in scale for their means to be exchangeable in size.
    """
    d = stats.differences(candidate, baseline)
    if resolution is None and unit == "seed":
        resolution = stats.resolution_of(
            np.concatenate([np.asarray(candidate), np.asarray(baseline)])
        )
    interval = stats.mean_interval(d, confidence=1 - rules.alpha, least=stats.least_sd(resolution))
    ranked = stats.wilcoxon(d) if sensitivity or unit == "task" else None
    test = ranked if ranked and unit == "task" else stats.sign_flip(d)
    favourable = rules.sign * d
    return Numbers(
        n=int(d.size),
        mean_difference=interval.estimate,
        ci_low=interval.low,
        ci_high=interval.high,
        sd_difference=stats.sd(d),
        p=test.p,
        p_exact=test.exact,
        p_wilcoxon=ranked.p if ranked else math.nan,
        p_equivalence=stats.equivalence(_without_zeros(d, both_diverged), rules.rope, resolution)
        if d.size - both_diverged >= min(d.size, MIN_UNITS[unit])
        else 1.0,
        dz=stats.d_z(d),
        rank_biserial=stats.rank_biserial(d) if sensitivity else math.nan,
        p_better=stats.superiority(favourable),
        wins=int((favourable > 0).sum()),
        ties=int((d == 0).sum()),
        median_difference=stats.hodges_lehmann(d).estimate if sensitivity else math.nan,
        bca_low=bca.low if bca else math.nan,
        bca_high=bca.high if bca else math.nan,
        resolution=math.nan if resolution is None else resolution,
        least_sd=stats.least_sd(resolution, rules.rope),
        both_diverged=both_diverged,
    )


def _without_zeros(d: stats.Vector, count: int) -> stats.Vector:
    """Differences without so many of those that are 0."""
    zeros = np.flatnonzero(d == 0)[:count]
    return np.delete(d, zeros)


def judge(numbers: Numbers, p_holm: float, rules: Rules) -> Verdict:
    """The verdict on a comparison that passed the gate."""
    low, high = _favourable_interval(numbers, rules)
    significant = p_holm < rules.alpha
    if significant and low > rules.rope:
        return "better"
    if significant and high < -rules.rope:
        return "worse"
    if numbers.p_equivalence < rules.alpha:
        return "equivalent"
    if significant and low > 0:
        return "better_unsized"
    if significant and high < 0:
        return "worse_unsized"
    return "inconclusive"


def plan(numbers: Numbers, basis: Basis) -> PowerPlan:
    """Minimum detectable difference and the units needed to detect one as large as the ROPE.

    Planned from the spread of the differences (the least one that the resolution of the metric
    allows, where that is larger), never from the observed effect, at the strictest
    level that Holm's procedure uses in a family of that size: alpha / family. Infinite where no
    difference could be shown with so few units.
    """
    rules, family = basis.rules, basis.family
    alpha = rules.alpha / max(family, 1)
    sd = max(numbers.sd_difference, numbers.least_sd)
    least = stats.detectable_by_signs(numbers.n, alpha=alpha)
    detectable = least * sd if math.isfinite(least) else math.inf
    if sd == 0 or rules.rope == 0:
        return PowerPlan(detectable, None, alpha)
    seeds = stats.seeds_needed(rules.rope / sd, alpha=alpha)
    return PowerPlan(
        detectable,
        None if seeds is None else max(seeds, enough(family, rules.alpha), MIN_UNITS[basis.unit]),
        alpha,
    )


def explain(verdict: Verdict, numbers: Numbers, p_holm: float, basis: Basis) -> str:
    """Why a comparison that passed the gate has its verdict, in one phrase."""
    rules, family = basis.rules, basis.family
    low, high = _favourable_interval(numbers, rules)
    significant = p_holm < rules.alpha
    if verdict in ("better", "worse"):
        return "significant, and the whole interval lies beyond the ROPE"
    if verdict == "equivalent":
        return "different but negligible" if significant else "inside the ROPE (TOST)"
    if verdict in ("better_unsized", "worse_unsized"):
        return "significant, but the interval reaches into the ROPE"
    if significant:
        return "the test is significant but the t interval includes 0"
    if is_coarse(numbers, rules):
        return coarse_text(numbers, basis)
    if lowest_p(numbers.n, family) >= rules.alpha:
        return (
            f"{numbers.n} {NOUNS[basis.unit]}s are too few for {counted(family, 'comparison')}: "
            f"Holm p cannot fall below {lowest_p(numbers.n, family):.2g}"
        )
    if low > 0 or high < 0:
        return "the interval excludes 0 but the test does not survive the correction"
    return "neither a difference nor equivalence could be shown"


def is_coarse(numbers: Numbers, rules: Rules) -> bool:
    """Whether the differences themselves look equivalent, but are too coarse to show it."""
    if numbers.p_equivalence < rules.alpha or abs(numbers.mean_difference) >= rules.rope:
        return False
    if numbers.sd_difference == 0:
        return True
    error = numbers.sd_difference / math.sqrt(numbers.n)
    t = (abs(numbers.mean_difference) - rules.rope) / error
    return float(special.stdtr(numbers.n - 1, t)) < rules.alpha and numbers.least_sd > 0


def coarse_text(numbers: Numbers, basis: Basis) -> str:
    """Why such differences are not called equivalent, and how many pairs would do."""
    noun, shown = NOUNS[basis.unit], basis.shown
    if numbers.both_diverged:
        return (
            f"in {numbers.both_diverged} of {counted(numbers.n, noun)} both runs diverged, which "
            "is no evidence of equivalence"
        )
    if math.isnan(numbers.resolution):
        return (
            "all differences are the same, and how finely a score is resolved (the number of test "
            "examples) is not known, so that equivalence cannot be shown"
        )
    steps = f"a score moves in steps of {shown.value(numbers.resolution)} {shown.difference}"
    if shown.factor == 100 and numbers.resolution < 0.5:
        steps += f" (1 of {round(1 / numbers.resolution):,} examples)"
    text = f"{steps}, so that {counted(numbers.n, noun)} may agree by luck"
    enough_pairs = stats.pairs_for_equivalence(
        numbers.resolution, basis.rules.rope, alpha=basis.rules.alpha
    )
    if enough_pairs is not None and enough_pairs > numbers.n:
        text += f"; equivalence takes {enough_pairs} {noun}s at least"
    return text


def _favourable_interval(numbers: Numbers, rules: Rules) -> tuple[float, float]:
    if rules.sign > 0:
        return numbers.ci_low, numbers.ci_high
    return -numbers.ci_high, -numbers.ci_low
