"""From paired scores to a verdict, by a procedure that no look at the data can change.

The order is fixed: gate, better or worse, equivalent, better or worse of unknown size,
inconclusive. Differences are candidate minus baseline in the metric's own units; with direction
"minimise" a negative difference is the better one.
"""

import math
from collections.abc import Collection
from typing import Literal, NamedTuple

from numpy.typing import ArrayLike

from reports import stats
from reports.wording import Unit, counted, p_text, signed_minus

FEWEST_SEEDS = 6
"""With fewer, the two-sided sign-flip test cannot reach .05 (its floor is 2 / 2^n)."""

TRAINING_METRICS = frozenset({"loss", "train_loss", "training_loss"})

Verdict = Literal[
    "better", "worse", "equivalent", "better_unsized", "worse_unsized", "inconclusive", "refused"
]


class Rules(NamedTuple):
    """What is declared before the run; `rope` is in the metric's units."""

    direction: Literal["maximise", "minimise"] = "maximise"
    rope: float = 0.005
    alpha: float = 0.05

    @property
    def sign(self) -> float:
        """+1 where a higher score is better, -1 where a lower one is."""
        return 1.0 if self.direction == "maximise" else -1.0


class Numbers(NamedTuple):
    """Everything measured in one comparison of n pairs; `wins` and `p_better` favour the candidate.

    `bca_low` and `bca_high` are NaN below 20 pairs, where the bootstrap covers too little.
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


class Plan(NamedTuple):
    """What an inconclusive comparison could have found; the level is that of its family.

    `detectable` is a difference in the metric's units, `seeds` the pairs that give 80 % power to
    detect a difference as large as the ROPE (None above 100,000 or without a ROPE).
    """

    detectable: float
    seeds: int | None
    alpha: float


def measure(candidate: ArrayLike, baseline: ArrayLike, rules: Rules) -> Numbers:
    """The numbers of one comparison from paired scores of shape (n,), n >= 2."""
    d = stats.differences(candidate, baseline)
    interval = stats.mean_interval(d, confidence=1 - rules.alpha)
    permutation = stats.sign_flip(d)
    nothing = stats.Interval(interval.estimate, math.nan, math.nan)
    bca = stats.bootstrap_interval(d, confidence=1 - rules.alpha) if d.size >= 20 else nothing
    favourable = rules.sign * d
    return Numbers(
        n=int(d.size),
        mean_difference=interval.estimate,
        ci_low=interval.low,
        ci_high=interval.high,
        sd_difference=stats.sd(d),
        p=permutation.p,
        p_exact=permutation.exact,
        p_wilcoxon=stats.wilcoxon(d).p,
        p_equivalence=stats.equivalence(d, rules.rope),
        dz=stats.d_z(d),
        rank_biserial=stats.rank_biserial(d),
        p_better=stats.superiority(favourable),
        wins=int((favourable > 0).sum()),
        ties=int((d == 0).sum()),
        median_difference=stats.hodges_lehmann(d).estimate,
        bca_low=bca.low,
        bca_high=bca.high,
    )


def gate(
    *,
    metric: str,
    planned: int,
    candidate_seeds: Collection[int],
    baseline_seeds: Collection[int],
    budgets: tuple[int | None, int | None] | None = None,
) -> tuple[str, ...]:
    """Why a comparison is refused; empty if it may be judged.

    `planned` is the number of declared seeds; `budgets` are the runs that tuning spent on the two
    losses (None: not tuned), and the argument is None where no tuning is involved.
    """
    reasons = []
    if metric in TRAINING_METRICS:
        reasons.append(f"{metric} is what the losses themselves define, not a common yardstick")
    lacking = planned - len(set(candidate_seeds) & set(baseline_seeds))
    if lacking:
        reasons.append(f"{lacking} of {counted(planned, 'paired seed')} missing")
    paired = planned - lacking
    if paired < FEWEST_SEEDS:
        reasons.append(
            f"{counted(paired, 'pair')}: fewer than {FEWEST_SEEDS}, "
            f"so p cannot fall below {2.0 ** (1 - paired):.3g}"
            if paired
            else f"no pairs; at least {FEWEST_SEEDS} are needed"
        )
    if budgets and budgets[0] != budgets[1]:
        spent = ["none" if budget is None else str(budget) for budget in budgets]
        reasons.append(f"tuning budgets differ ({spent[0]} against {spent[1]} runs)")
    return tuple(reasons)


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


def plan(numbers: Numbers, rules: Rules, family: int) -> Plan:
    """Minimum detectable difference and the seeds needed to detect one as large as the ROPE.

    Planned from the spread of the differences, never from the observed effect, at the strictest
    level that Holm's procedure uses in a family of that size: alpha / family.
    """
    alpha = rules.alpha / max(family, 1)
    sd = numbers.sd_difference
    detectable = stats.detectable(numbers.n, alpha=alpha) * sd
    if sd == 0 or rules.rope == 0:
        return Plan(detectable, None, alpha)
    seeds = stats.seeds_needed(rules.rope / sd, alpha=alpha)
    return Plan(detectable, None if seeds is None else max(seeds, FEWEST_SEEDS), alpha)


def floor(n: int, family: int) -> float:
    """The smallest Holm p that n pairs can give the most significant comparison of a family."""
    return min(1.0, family * 2.0 ** (1 - n))


def explain(
    verdict: Verdict, numbers: Numbers, p_holm: float, rules: Rules, family: int = 1
) -> str:
    """Why a comparison that passed the gate has its verdict, in one phrase."""
    low, high = _favourable_interval(numbers, rules)
    significant = p_holm < rules.alpha
    if verdict in ("better", "worse"):
        return "significant, and the whole interval lies beyond the ROPE"
    if verdict == "equivalent":
        return "different but negligible" if significant else "inside the ROPE (TOST)"
    if verdict in ("better_unsized", "worse_unsized"):
        return "significant, but the interval reaches into the ROPE"
    if significant:
        return "the sign-flip test is significant but the t interval includes 0"
    if floor(numbers.n, family) >= rules.alpha:
        return (
            f"{numbers.n} pairs are too few for {counted(family, 'comparison')}: "
            f"Holm p cannot fall below {floor(numbers.n, family):.2g}"
        )
    if low > 0 or high < 0:
        return "the interval excludes 0 but the test does not survive the correction"
    return "neither a difference nor equivalence could be shown"


def sentence(
    names: tuple[str, str],
    numbers: Numbers,
    p_holm: float,
    family: int,
    verdict: Verdict,
    rules: Rules,
    unit: Unit,
) -> str:
    """A comparison that passed the gate, in words ready for a paper."""
    candidate, baseline = names
    size = unit.value(abs(numbers.mean_difference))
    ties = f" ({counted(numbers.ties, 'tie')})" if numbers.ties else ""
    text = (
        f"{candidate} {_verb(numbers.mean_difference, rules)} {baseline} by {size} "
        f"{unit.difference}, {100 * (1 - rules.alpha):g} % CI "
        f"[{unit.value(numbers.ci_low)}, {unit.value(numbers.ci_high)}], "
        f"{'exact ' if numbers.p_exact else ''}sign-flip p {p_text(p_holm)} "
        f"(Holm, {counted(family, 'comparison')}), d_z = {signed_minus(numbers.dz, 2)}, "
        f"better in {numbers.wins} of {numbers.n} paired seeds{ties}; "
        f"ROPE \N{PLUS-MINUS SIGN}{unit.value(rules.rope)}: {LABELS[verdict]}"
    )
    if verdict == "equivalent" and p_holm < rules.alpha:
        text += " (different but negligible)"
    if verdict == "inconclusive":
        text += f" ({plan_text(plan(numbers, rules, family), rules, unit)})"
    return text + "."


def plan_text(planned: Plan, rules: Rules, unit: Unit) -> str:
    """What an inconclusive comparison could have found, in words."""
    text = (
        f"80 % power for differences from {unit.value(planned.detectable)} {unit.difference} "
        f"at level {planned.alpha:.2g}"
    )
    if planned.seeds is not None:
        text += f"; {planned.seeds} seeds would detect {unit.value(rules.rope)}"
    return text


LABELS: dict[Verdict, str] = {
    "better": "better",
    "worse": "worse",
    "equivalent": "equivalent",
    "better_unsized": "better, size uncertain",
    "worse_unsized": "worse, size uncertain",
    "inconclusive": "inconclusive",
    "refused": "refused",
}


def _verb(difference: float, rules: Rules) -> str:
    if difference == 0:
        return "differed from"
    if rules.direction == "maximise":
        return "exceeded" if difference > 0 else "fell short of"
    return "undercut" if difference < 0 else "exceeded"


def _favourable_interval(numbers: Numbers, rules: Rules) -> tuple[float, float]:
    if rules.sign > 0:
        return numbers.ci_low, numbers.ci_high
    return -numbers.ci_high, -numbers.ci_low
