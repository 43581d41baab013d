"""What a study asks and how it answers, in words and as values."""

from typing import Any

from bench.describing.describe import describe
from bench.experiment.model import Experiment
from bench.experiment.study import AblateStudy, ConfirmStudy, ScreenStudy, StudyBase, TuningStudy
from bench.tasks.resolve import resolve
from studies.domains import spell
from studies.objectives import METRIC, second_of
from studies.plan import StudyPlan, points, seeds_of
from studies.sampler import population_of


def question(study: StudyBase) -> str:
    """What the study asks, in one sentence."""
    given = f"when each evolution has {budget_text(study)} member-steps?"
    if isinstance(study, AblateStudy) and study.variants:
        return (
            f"What does each of {len(study.variants)} changes of the evolution do to the evolved "
            f"loss's gain over tuned cross-entropy, {given}"
        )
    if isinstance(study, AblateStudy):
        factors = ", ".join(short(name) for name in study.factors)
        return f"What do {factors} do to the evolved loss's gain over tuned cross-entropy, {given}"
    if isinstance(study, ScreenStudy) and study.has_worst_regime:
        return (
            "Which settings of the evolution give the largest gain over tuned cross-entropy and "
            "the largest on the worst regime, when each evolution has "
            f"{study.budget:,} member-steps?"
        )
    if isinstance(study, ScreenStudy) and study.cost:
        return (
            "Which settings of the evolution give the largest gain over tuned cross-entropy for "
            f"their cost, up to {study.budget:,} member-steps?"
        )
    again = "really " if isinstance(study, ConfirmStudy) else ""
    return (
        f"Which settings of the evolution {again}give the loss with the largest gain over tuned "
        f"cross-entropy, {given}"
    )


def budget_text(study: StudyBase) -> str:
    """The budget of each evolution, or all of them: "160,000", "2,000,000 or 8,000,000"."""
    budgets = study.budgets if isinstance(study, AblateStudy) else ()
    *less, most = map("{:,}".format, sorted(budgets or (study.budget,)))
    return f"{', '.join(less)} or {most}" if less else most


def protocol_text(experiment: Experiment, study: StudyBase) -> str:
    """How a trial is evaluated, in a few sentences."""
    rates = ", ".join(f"{rate:g}" for rate in experiment.tuning.rates)
    judged = (
        f"A loss is judged on {study.tasks} tasks from {', '.join(study.families)}, the same for "
        "every trial (split outer_valid; no test split is drawn); on each family it and "
        f"cross-entropy take the best of the learning rates {rates} on inner_valid."
    )
    if experiment.evolution and experiment.evolution.validation:
        chosen = ", ".join(experiment.evolution.validation)
        judged += f" The genome that is judged is chosen by a validation on {chosen}."
    if isinstance(study, ScreenStudy):
        at = ", ".join(f"{point:,}" for point in points(study))
        how = f"A trial is one evolution, with a seed of its own. It is judged at {at} member-steps"
        if study.has_worst_regime:
            how = (
                "A trial is one evolution, with a seed of its own, judged at its end: with two "
                "objectives none is stopped early"
            )
        elif study.cost:
            how = f"A trial is one evolution, with a seed of its own and a budget out of {at}"
        elif study.rungs > 1:
            how += f"; Hyperband (reduction {study.reduction}) stops what is not promising there"
        parts = [f"{how}.", judged, _search(study), choice_text(study)]
        return " ".join(filter(None, parts))
    if isinstance(study, ConfirmStudy):
        stopping = (
            "Before it evolves another seed, a trial that is worse than the best by Wilcoxon's "
            f"signed-rank test (p < {study.p_threshold:g}, after {study.startup_instances} "
            "instances) is stopped."
            if study.stop_early
            else "None is stopped early, so that all are paired by evolution seed."
        )
        return (
            f"Every trial has the same {study.seeds * study.tasks} instances: {study.seeds} "
            f"evolution seeds x {study.tasks} tasks, in one shuffled order. {stopping} "
            f"{judged} {_search(study)}"
        )
    assert isinstance(study, AblateStudy)
    design = {
        "factorial": "all distinct combinations of the factors",
        "leave_one_out": "the base configuration and its changes in one factor at a time, which "
        "cannot show interactions",
        "variants": f"the experiment's own configuration, called {study.reference}, and "
        f"{len(study.variants)} variants of it, one at a time",
    }[study.design]
    if study.budgets:
        design += f", each at budgets of {budget_text(study)} member-steps"
    elif study.variants:
        design += ", which cannot show interactions"
    return (
        f"The cells are {design}. Each has the same {study.seeds} evolution seeds, so that cells "
        f"are paired by seed; none is stopped. {judged}"
    )


def choice_text(study: StudyBase) -> str:
    """The rule by which the study chooses among trials with two objectives; "" with one."""
    if not isinstance(study, ScreenStudy) or not study.has_worst_regime:
        return ""
    return (
        "Chosen is the trial with the largest mean gain among those whose worst regime gains more "
        f"than {100 * study.min_worst_regime:+g} points; if there are none, the one whose worst "
        "regime is best."
    )


def described(experiment: Experiment, study: StudyBase, plan: StudyPlan) -> dict[str, Any]:
    """The protocol as the store keeps it (bench.store.schema.studies)."""
    record: dict[str, Any] = {
        "question": question(study),
        "text": protocol_text(experiment, study),
        "budget": study.budget,
        "seeds": seeds_of(study),
        "families": list(study.families),
        "tasks": study.tasks,
        "rates": list(experiment.tuning.rates),
        "metric": experiment.evolution.settings.fitness.metric if experiment.evolution else None,
        "sampler": study.sampler if isinstance(study, TuningStudy) else None,
        "trials": plan.total,
        "space": {parameter.name: spell(parameter.domain) for parameter in plan.space.parameters},
        "fixed": plan.space.fixed,
        "described": [
            describe(resolve(family), test=False, roles=["study"]).as_json()
            for family in study.families
        ],
    }
    if second := second_of(study):
        record |= {"objectives": [METRIC, second.name], "choice": choice_text(study)}
    if isinstance(study, AblateStudy):
        factors = {name: list(values) for name, values in study.levels.items()}
        record |= {"factors": factors, "design": study.design}
        if study.variants:
            record["variants"] = study.variants
    return record


def short(name: str) -> str:
    """A dotted key without its beginning."""
    return name.removeprefix("evolution.").removeprefix("settings.")


def _search(study: TuningStudy) -> str:
    if study.sampler == "brute":
        return "Every distinct configuration is tried, in a random order."
    if study.sampler == "none":
        return "Nothing is tried but the configurations that are named."
    if study.sampler in ("random", "qmc"):
        return f"Configurations are drawn by {study.sampler}."
    if study.sampler == "nsga2":
        size = population_of(study.startup_trials)
        return (
            f"The first {size} slots are random and NSGA-II's first population; a parameter that "
            "has an effect only under others stays random."
        )
    name = {"tpe": "TPE", "gp": "a Gaussian process", "cmaes": "CMA-ES"}[study.sampler]
    if not study.startup_trials:
        return f"{name[0].upper()}{name[1:]} proposes what is not enqueued."
    return f"The first {study.startup_trials} slots are random, {name} proposes the others."
