"""Verdicts in words that a paper can take over."""

import math

from reports.page.wording import counted, p_text, signed_minus
from reports.verdicts.gate import UNITS
from reports.verdicts.kinds import Verdict, label_of
from reports.verdicts.verdict import (
    Basis,
    Numbers,
    PowerPlan,
    Replicate,
    Rules,
    coarse_text,
    is_coarse,
    plan,
)

TESTS: dict[Replicate, str] = {
    "seed": "sign-flip",
    "run": "sign-flip",
    "task": "Wilcoxon signed-rank",
}

COARSE = (
    ", in which the standard deviation of the differences is at least what it is for a difference "
    "as large as the region, a share of so many test examples, as in the score test of paired "
    "shares [@tango1998], with a correction for continuity: a few pairs of scores that move in "
    "coarse steps may be alike by luck"
)
"""What a methods paragraph says after the two one-sided tests."""


def sentence(
    names: tuple[str, str], numbers: Numbers, p_holm: float, verdict: Verdict, basis: Basis
) -> str:
    """A comparison that passed the gate, in words ready for a paper.

    names: of the candidate and of the baseline.
    """
    candidate, baseline = names
    rules, shown, unit, family = basis
    size = shown.value(abs(numbers.mean_difference))
    ties = f" ({counted(numbers.ties, 'tie')})" if numbers.ties else ""
    text = (
        f"{candidate} {_verb(numbers.mean_difference, rules)} {baseline} by {size} "
        f"{shown.difference}, {100 * (1 - rules.alpha):g} % CI "
        f"[{shown.value(numbers.ci_low)}, {shown.value(numbers.ci_high)}], "
        f"{'exact ' if numbers.p_exact else ''}{TESTS[unit]} p {p_text(p_holm)} "
        f"(Holm, {counted(family, 'comparison')}), d_z = {signed_minus(numbers.dz, 2)}, "
        f"better in {numbers.wins} of {numbers.n} {UNITS[unit]}s{ties}; "
        f"ROPE \N{PLUS-MINUS SIGN}{shown.value(rules.rope)}: {label_of(verdict)}"
    )
    if verdict == "equivalent" and p_holm < rules.alpha:
        text += " (different but negligible)"
    if verdict == "inconclusive":
        coarse = f"; {coarse_text(numbers, basis)}" if is_coarse(numbers, rules) else ""
        text += f" ({plan_text(plan(numbers, basis), basis)}{coarse})"
    return text + "."


def plan_text(planned: PowerPlan, basis: Basis) -> str:
    """What an inconclusive comparison could have found, in words."""
    shown, unit = basis.shown, basis.unit
    if math.isinf(planned.detectable):
        text = f"no difference could be shown at level {planned.alpha:.2g} with so few {unit}s"
    else:
        text = (
            f"80 % power for differences from {shown.value(planned.detectable)} "
            f"{shown.difference} at level {planned.alpha:.2g}"
        )
    if planned.seeds is not None:
        text += f"; {planned.seeds} {unit}s would detect {shown.value(basis.rules.rope)}"
    return text


def _verb(difference: float, rules: Rules) -> str:
    if difference == 0:
        return "differed from"
    if rules.direction == "maximise":
        return "exceeded" if difference > 0 else "fell short of"
    return "undercut" if difference < 0 else "exceeded"
