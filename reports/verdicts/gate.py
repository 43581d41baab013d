"""The gate before every verdict: reasons for which a comparison is refused."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from itertools import combinations

from reports.page.wording import counted
from reports.verdicts.prospects import MIN_RUNS

MIN_SEEDS = 6
"""With fewer units, a two-sided sign-flip test cannot reach .05 (its floor is 2 / 2^n)."""

MIN_TASKS = 6
"""Tasks that a claim about new tasks needs."""

ALL_DIVERGED = "every run of both diverged, so there is nothing to compare"

TRAINING_METRICS = frozenset({"loss", "train_loss", "training_loss"})

MIN_UNITS = {"seed": MIN_SEEDS, "run": MIN_RUNS, "task": MIN_TASKS}
UNITS = {"seed": "paired seed", "run": "independent evolution run", "task": "task"}


def gate(
    *,
    metric: str,
    planned: int,
    candidate_seeds: Collection[int],
    baseline_seeds: Collection[int],
    budgets: tuple[int | None, int | None] | None = None,
    overlaps: Collection[str] = (),
    all_diverged: bool = False,
) -> tuple[str, ...]:
    """Why a comparison over seeds is refused; empty if it may be judged.

    `planned` is the number of declared seeds; `budgets` are the runs that tuning spent on the two
    losses (None: not tuned), and the argument is None where no tuning is involved. `overlaps`: as
    from `overlapping_seeds`. all_diverged: whether no run of either loss came to its end.
    """
    reasons = [*overlaps]
    if metric in TRAINING_METRICS:
        reasons.append(f"{metric} is what the losses themselves define, not a common yardstick")
    missing = planned - len(set(candidate_seeds) & set(baseline_seeds))
    if missing:
        reasons.append(f"{missing} of {counted(planned, 'paired seed')} missing")
    reasons += too_few(planned - missing, "seed")
    if all_diverged:
        reasons.append(ALL_DIVERGED)
    if budgets and budgets[0] != budgets[1]:
        spent = ["none" if budget is None else str(budget) for budget in budgets]
        reasons.append(f"tuning budgets differ ({spent[0]} against {spent[1]} runs)")
    return tuple(reasons)


def too_few(n: int, unit: str) -> tuple[str, ...]:
    """The refusal of fewer than six seeds, runs or tasks."""
    least = MIN_UNITS[unit]
    if n >= least:
        return ()
    if unit == "seed":
        if not n:
            return (f"no pairs; at least {least} are needed",)
        floor = f"{2.0 ** (1 - n):.3g}"
        return (f"{counted(n, 'pair')}: fewer than {least}, so p cannot fall below {floor}",)
    return (
        f"{counted(n, UNITS[unit])}: fewer than {least}, so this is descriptive "
        f"(p could not fall below {min(1.0, 2.0 ** (1 - n)):.3g})",
    )


def overlapping_seeds(purposes: Mapping[str, Collection[object]]) -> tuple[str, ...]:
    """Which purposes (evolve, tune, study, test) share seeds; empty if they are disjoint."""
    overlaps = []
    for (a, first), (b, second) in combinations(purposes.items(), 2):
        shared = set(first) & set(second)
        if shared:
            overlaps.append(f"{counted(len(shared), 'seed')} of {a} and {b} overlap")
    return tuple(overlaps)


def refusal_lines(reasons: Iterable[str]) -> list[str]:
    """A sentence for each reason of refused comparisons, with how many have it.

    reasons: one for each refused comparison; the sentences are in their order of appearance.
    """
    return [
        f"{counted(count, 'comparison')} refused: {reason}."
        for reason, count in Counter(reasons).items()
    ]
