"""The analysis of an ablation: frames in, verdicts out.

Factorial: analysis of variance with the evolution seed as block, interactions first, then the
difference of every level from the first. Leave-one-out: the base against each of its changes.
Variants: each of them against the reference.
"""

from collections.abc import Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from bench.errors import InputError
from bench.experiment.study import BUDGET, VARIANT
from reports import stats
from reports.ablation.gaps import NOT_FINISHED, DeclaredDesign, short, unchanged, unfinished
from reports.page.wording import Unit, finite
from reports.stats.factorial import Term, WaldTerm, blocked_anova, mixed_terms
from reports.verdicts import gate
from reports.verdicts.decision import Decision, Question, decide
from reports.verdicts.verdict import Rules

MIN_FAMILIES = 3
"""Families from which a random effect of them is worth fitting."""


class Effect(NamedTuple):
    """The difference of a level from its reference, per evolution seed."""

    factor: str
    level: str
    reference: str
    decision: Decision

    def as_json(self) -> dict[str, Any]:
        """Plain values by name."""
        numbers, planned = self.decision.numbers, self.decision.plan
        values = {k: finite(v) for k, v in numbers._asdict().items()} if numbers else {}
        if self.decision.verdict == "refused":
            values |= dict.fromkeys(("p", "p_wilcoxon", "p_equivalence"))
        return {
            "factor": self.factor,
            "level": self.level,
            "reference": self.reference,
            "unit": "run",
            **values,
            "p_holm": self.decision.p_holm,
            "verdict": self.decision.verdict,
            "reason": self.decision.reason,
            "sentence": self.decision.sentence,
            "detectable_difference": finite(planned.detectable) if planned else None,
            "runs_for_rope": planned.seeds if planned else None,
        }


class Analysis(NamedTuple):
    """What came of an ablation.

    cells: slot, label, one column per factor, n, mean, sd (over seeds, of the mean over
    families). terms and p_terms: the analysis of variance without block and residual, Holm over
    all; empty where the design is no full crossing. mixed: the same terms with families as a
    random effect. by_family: factor, level, reference, family, difference, low, high (t over
    seeds, not corrected). unfinished: what of the design is missing, in one phrase. copies: the
    variants that no analysis of variance has, since at some budget they are the reference.
    """

    factors: tuple[str, ...]
    levels: dict[str, list[str]]
    cells: pd.DataFrame
    terms: list[Term]
    p_terms: list[float]
    frame_terms: list[Term]
    mixed: list[WaldTerm]
    effects: list[Effect]
    by_family: pd.DataFrame
    missing: pd.DataFrame
    unfinished: str
    refusals: list[str]
    seeds: int
    families: tuple[str, ...]
    runs: pd.DataFrame
    copies: tuple[str, ...]


def analyse(
    gains: pd.DataFrame,
    factors: Sequence[str],
    design: str,
    rules: Rules,
    shown: Unit,
    declared: DeclaredDesign,
) -> Analysis:
    """Analyse the gains of an ablation: slot, seed, family, factors, gain.

    Only seeds that every cell has on every family are compared. Whatever else was declared makes
    the effects refused: a level that never ran would be missing from the family that the
    correction counts. Raises InputError where no seed is whole.
    """
    names = list(factors)
    seeds, families = sorted(set(gains["seed"])), sorted(set(gains["family"]))
    missing = _missing(gains, seeds, families)
    incomplete = set(missing["seed"])
    complete = gains[~gains["seed"].isin(incomplete)]
    runs = complete.groupby(["slot", "seed", *names], sort=True)["gain"].mean().reset_index()
    levels = {name: list(dict.fromkeys(gains[name])) for name in names}
    n = len(seeds) - len(incomplete)
    if n == 0:
        raise InputError(
            "no evolution seed has a gain of every cell on every family yet; "
            "let `mln-bench ablate` come to its end, with the same --storage"
        )
    gap_text = unfinished(gains, declared, n)
    refusals = [*([NOT_FINISHED] if gap_text else []), *gate.too_few(n, "run")]
    same_runs = _same_runs(runs, levels, declared)
    copies = tuple(level for level in levels.get(VARIANT, ()) if level in same_runs)
    own, all_own = (x[~x[VARIANT].isin(copies)] if copies else x for x in (runs, complete))
    own_levels = {k: [one for one in v if one not in copies] for k, v in levels.items()}
    crossed = _is_crossed(own, names, own_levels)
    terms: list[Term] = []
    constant = float(np.ptp(own["gain"])) <= 1e-12 * float(own["gain"].abs().max())
    varied = [] if constant else [name for name in names if len(own_levels[name]) > 1]
    if design == "factorial" and crossed and n > 1 and varied:
        chosen = {short(name): own[name].tolist() for name in varied}
        terms = blocked_anova(own["gain"], chosen, own["seed"].tolist())
    elif design == "factorial" and not crossed and not gap_text:
        refusals.append(
            "not every combination of the factors exists, so interactions cannot be separated"
        )
    middle = [term for term in terms if term.factors]
    mixed: list[WaldTerm] = []
    if middle and len(families) >= MIN_FAMILIES:
        chosen = {short(name): all_own[name].tolist() for name in varied}
        mixed = mixed_terms(
            all_own["gain"], chosen, all_own["seed"].tolist(), all_own["family"].tolist()
        )
    pairs = _pairs(runs, names, levels, design, "gain")
    ended = _pairs(_ended(complete, names), names, levels, design, "ended")
    unmade = {
        (name, level, reference): tuple(same_runs[one] for one in (level,) if one in same_runs)
        if name == VARIANT
        else unchanged(declared, level, reference, a, b)
        for (name, level, reference), (a, b) in pairs.items()
    }
    step = _resolution(complete)
    questions = [
        Question(
            level if name == VARIANT else f"{name} = {level}",
            reference,
            a,
            b,
            (
                *refusals,
                *unmade[name, level, reference],
                *([] if np.any(ended[name, level, reference]) else [gate.ALL_DIVERGED]),
            ),
            resolution=step,
        )
        for (name, level, reference), (a, b) in pairs.items()
    ]
    decisions = decide(questions, rules, shown, "run") if questions else []
    return Analysis(
        tuple(names),
        levels,
        _cells(runs, names),
        middle,
        stats.holm([term.p for term in middle]).tolist(),
        terms,
        mixed,
        [Effect(*key, decision) for key, decision in zip(pairs, decisions, strict=True)],
        _by_family(complete, names, levels, design, families),
        missing,
        gap_text,
        refusals,
        n,
        tuple(families),
        runs,
        copies,
    )


def _same_runs(
    runs: pd.DataFrame, levels: dict[str, list[str]], declared: DeclaredDesign
) -> dict[str, str]:
    """Why a variant is none, by its name: its runs are the reference's, all or those of a budget.

    An analysis of variance would take runs that stand in it twice for an effect of the budget.
    """
    if VARIANT not in levels:
        return {}
    reference, *others = levels[VARIANT]
    found: dict[str, str] = {}
    for budget in levels.get(BUDGET, [""]):
        part = runs[runs[BUDGET] == budget] if budget else runs
        wide = part.pivot_table(index="seed", columns=VARIANT, values="gain")
        # Of a study that has not come to its end, not every variant has every budget.
        for level in (one for one in others if {one, reference} <= set(wide)):
            pair = wide[level].to_numpy(), wide[reference].to_numpy()
            for why in unchanged(declared, level, reference, *pair):
                said = f"at {budget} {why}; see each budget by itself" if budget else why
                found.setdefault(level, said)
    return found


def _ended(complete: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """The share of judged learners that did not diverge, as `ended`: slot, seed, factors."""
    counts = complete.groupby(["slot", "seed", *names], sort=True)[["tasks", "diverged"]].sum()
    ended = 1 - counts["diverged"] / counts["tasks"]
    return ended.rename("ended").reset_index()


def _resolution(complete: pd.DataFrame) -> float | None:
    """The step between two gains of one cell and seed, means over families; None if none is seen.

    The gain on a family is a mean over tasks of shares of their examples, less cross-entropy's.
    Means over several cells move in smaller steps; the largest is taken for all. Gains of learners
    that diverged, which are those of the worst score, say nothing of steps.
    """
    ended = complete[complete["diverged"] == 0]
    steps = [stats.resolution_of(own["gain"]) for _, own in ended.groupby("family")]
    known = [step for step in steps if step is not None]
    return float(np.mean(known)) / len(steps) if known and len(known) == len(steps) else None


def _missing(gains: pd.DataFrame, seeds: list[Any], families: list[str]) -> pd.DataFrame:
    known = set(gains[["slot", "seed", "family"]].itertuples(index=False, name=None))
    slots = sorted(set(gains["slot"]))
    absent = [key for key in product(slots, seeds, families) if key not in known]
    return pd.DataFrame(absent, columns=["slot", "seed", "family"])


def _is_crossed(runs: pd.DataFrame, names: list[str], levels: dict[str, list[str]]) -> bool:
    cells = runs[names].drop_duplicates()
    return len(cells) == int(np.prod([len(levels[name]) for name in names]))


def _pairs(
    runs: pd.DataFrame, names: list[str], levels: dict[str, list[str]], design: str, value: str
) -> dict[tuple[str, str, str], tuple[Any, Any]]:
    """Paired values per seed of every effect.

    Factorial: a level's mean over all cells that have it, against the first level. Leave-one-out:
    the base against the cell that differs in that factor alone. Variants: each against the first
    cell.
    """
    pairs: dict[tuple[str, str, str], tuple[Any, Any]] = {}
    if design != "factorial":
        wide = runs.pivot_table(index="seed", columns="slot", values=value)
        cells = runs.drop_duplicates("slot").set_index("slot")[names]
        if 0 not in cells.index:
            return pairs
        base = cells.loc[0]
    if design == "variants":
        for slot in cells.index[1:]:
            key = VARIANT, str(cells.loc[slot, VARIANT]), str(base[VARIANT])
            pairs[key] = (wide[slot].to_numpy(), wide[0].to_numpy())
        return pairs
    if design == "leave_one_out":
        for slot in cells.index[1:]:
            changed = [name for name in names if cells.loc[slot, name] != base[name]]
            label = ", ".join(short(name) for name in changed)
            variant = ", ".join(str(cells.loc[slot, name]) for name in changed)
            own = ", ".join(str(base[name]) for name in changed)
            pairs[label, own, variant] = (wide[0].to_numpy(), wide[slot].to_numpy())
        return pairs
    for name in names:
        wide = runs.pivot_table(index="seed", columns=name, values=value, aggfunc="mean")
        first = levels[name][0]
        for level in levels[name][1:]:
            pairs[short(name), level, first] = (wide[level].to_numpy(), wide[first].to_numpy())
    return pairs


def _cells(runs: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    grouped = runs.groupby(["slot", *names], sort=True)["gain"]
    table = pd.DataFrame(grouped.agg(n="count", mean="mean", sd="std")).reset_index()
    labels = [
        ", ".join(row[n] if n == VARIANT else f"{short(n)} = {row[n]}" for n in names)
        for row in table.to_dict("records")
    ]
    table.insert(1, "label", labels)
    return table


def _by_family(
    complete: pd.DataFrame,
    names: list[str],
    levels: dict[str, list[str]],
    design: str,
    families: list[str],
) -> pd.DataFrame:
    records = []
    for family in families:
        own = complete[complete["family"] == family]
        for key, (a, b) in _pairs(own, names, levels, design, "gain").items():
            if len(a):
                interval = stats.mean_interval(stats.differences(a, b))
                records.append((*key, family, *interval))
    columns = ["factor", "level", "reference", "family", "difference", "low", "high"]
    return pd.DataFrame(records, columns=columns)
