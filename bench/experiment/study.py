"""The [study] of an experiment: a screen, a confirmation or an ablation, from one table each.

Which parameters there are to tune is said in studies/space.py alone; here their names are words.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from bench.experiment.sections import SectionBase

ORIGINS = ("sampler", "incumbent", "paper", "enqueued", "cell")
"""Where a slot's parameters may come from, besides a variant, which is called by its name."""

CALLED = {"incumbent": "the incumbent", "paper": "the defaults"}
"""The names of configurations that are no variants."""

MAX_NAME = 20

MIN_EVOLUTION_SEEDS = 4
"""Evolution seeds of a confirmation at least: a lucky run of one seed would win otherwise."""

BUDGET = "evolution.settings.budget"

VARIANT, REFERENCE = "variant", "reference"
"""The one factor of an ablation of variants, and its first level: the experiment as it is."""

AblateDesign = Literal["factorial", "leave_one_out", "variants"]


class StudyBase(SectionBase):
    """What every study declares.

    Each evolution of a trial has `budget` member-steps, whatever its settings, and its loss is
    judged on the same `tasks` tasks from `families`, by the experiment's own learner, training
    and metric.
    """

    kind: str
    name: str = Field(min_length=1, max_length=150, description="the question, as a reader sees it")
    budget: int = Field(default=160_000, ge=1, description="member-steps of each evolution")
    families: tuple[str, ...] = Field(min_length=1, description="families a loss is judged on")
    tasks: int = Field(default=32, ge=2, description="tasks a loss is judged on")
    max_diverged: float = Field(
        default=0.0, ge=0, le=1, description="share of diverged learners that is still feasible"
    )


class TuningStudy(StudyBase):
    """A study that searches a space.

    tune: the free parameters by their dotted keys, by default every one of studies.space; those
    not named stay as the experiment has them. space: replaces the domain of a parameter by a
    list of choices or a range {low, high, log, step}, or fixes it with one value. variants: named
    changes of the experiment's own configuration, {dotted key: value} each, to be tried first; one
    without changes is that configuration itself. enqueue: whole configurations to be tried next.
    With the sampler `none` nothing else is tried.
    """

    trials: int | None = Field(
        default=None, ge=1, description="how many; needed but for `brute` and `none`"
    )
    sampler: Literal["tpe", "nsga2", "gp", "cmaes", "random", "qmc", "brute", "none"] = "tpe"
    startup_trials: int = Field(default=8, ge=0, description="random trials before the sampler")
    tune: tuple[str, ...] | None = None
    space: dict[str, Any] = Field(default_factory=dict)
    variants: dict[str, dict[str, Any]] = Field(default_factory=dict)
    enqueue: tuple[dict[str, Any], ...] = ()

    @field_validator("space", mode="before")
    @classmethod
    def _dotted_space(cls, value: Any) -> Any:
        return dotted(value) if isinstance(value, Mapping) else value

    @field_validator("enqueue", mode="before")
    @classmethod
    def _dotted_enqueue(cls, value: Any) -> Any:
        if not isinstance(value, list | tuple):
            return value
        return tuple(dotted(one) if isinstance(one, Mapping) else one for one in value)

    @field_validator("variants", mode="before")
    @classmethod
    def _dotted_variants(cls, value: Any) -> Any:
        return dotted_each(value)

    @model_validator(mode="after")
    def _how_many(self) -> "TuningStudy":
        for name in self.variants:
            if not name.strip() or len(name) > MAX_NAME or name in ORIGINS:
                raise ValueError(
                    f"variants: a name has 1 to {MAX_NAME} letters and is none of "
                    f"{', '.join(ORIGINS)}, unlike {name!r}"
                )
        if self.trials is None and self.sampler not in ("brute", "none"):
            raise ValueError(f"trials: say how many; sampler {self.sampler!r} has no end")
        return self


class ScreenStudy(TuningStudy):
    """Many configurations, one evolution each, stopped early by Hyperband (Li et al. 2018).

    A trial is judged at `rungs` points of its budget, each `reduction` times the one before.
    With `cost` there is a second objective, the member-steps that were spent: the budget itself
    is then tuned over these points, and nothing is stopped early.

    objectives: the mean gain alone, or also that on the regime where it is least, as a second
    objective: then nothing is stopped early either, and a trial is judged once, at its end. Of
    such a study the chosen trial is the one with the largest gain among those whose worst regime
    gains more than `min_worst_regime`; if there are none, the one whose worst regime is best.
    """

    kind: Literal["screen"] = "screen"
    objectives: tuple[Literal["gain", "worst_regime"], ...] = Field(
        default=("gain",), description='["gain"], or ["gain", "worst_regime"]: a Pareto front'
    )
    min_worst_regime: float = Field(
        default=-0.002, description="gain of the worst regime above which a trial may be chosen"
    )
    rungs: int = Field(default=3, ge=1, le=8, description="points of the budget; 1: no early stop")
    reduction: int = Field(default=3, ge=2, description="between one point and the next")
    cost: bool = Field(default=False, description="also minimise the member-steps: a Pareto front")

    @model_validator(mode="before")
    @classmethod
    def _judged_once(cls, content: Any) -> Any:
        if isinstance(content, dict) and "worst_regime" in (content.get("objectives") or ()):
            return {"rungs": 1} | content
        return content

    @model_validator(mode="after")
    def _objectives_go_together(self) -> "ScreenStudy":
        if self.objectives not in (("gain",), ("gain", "worst_regime")):
            raise ValueError(
                f'objectives must be ["gain"] or ["gain", "worst_regime"], not '
                f"{list(self.objectives)}"
            )
        if self.has_worst_regime and self.cost:
            raise ValueError("objectives: leave cost out; two objectives are the most there are")
        if self.has_worst_regime and self.rungs > 1:
            raise ValueError(
                "rungs: early stopping is for one objective alone; leave rungs out, or "
                'objectives = ["gain"]'
            )
        if self.sampler == "nsga2" and not (self.has_worst_regime or self.cost):
            raise ValueError(
                "sampler 'nsga2' is for two objectives; add "
                'objectives = ["gain", "worst_regime"], or choose another'
            )
        return self

    @property
    def has_worst_regime(self) -> bool:
        """Whether the gain on the worst regime is a second objective."""
        return "worst_regime" in self.objectives


class ConfirmStudy(TuningStudy):
    """Few configurations, all on the same instances (evolution seed, task), in shuffled order.

    Before a trial evolves another seed, and after `startup_instances`, it is stopped if it is
    worse than the best by Wilcoxon's signed-rank test over the instances that both have, at level
    `p_threshold`. Seeds are evolved MIN_EVOLUTION_SEEDS at a time: with more of them there is work
    that an early stop saves.
    incumbent_from: a study in the same storage whose best configuration is tried first; by
    default that is the experiment's own configuration. paper_defaults: then try the defaults.
    stop_early: whether any is stopped; without it all have every instance, so that their
    differences by evolution seed have an interval.
    """

    kind: Literal["confirm"]
    seeds: int = Field(
        default=MIN_EVOLUTION_SEEDS, ge=MIN_EVOLUTION_SEEDS, description="evolution seeds"
    )
    incumbent_from: str | None = Field(default=None, min_length=1)
    paper_defaults: bool = True
    stop_early: bool = Field(default=True, description="stop what is worse than the best")
    p_threshold: float = Field(default=0.02, gt=0, le=0.5)
    startup_instances: int = Field(default=6, ge=2)


class AblateStudy(StudyBase):
    """Cells of an ablation, each on the same evolution seeds; nothing is stopped.

    factors: dotted keys below `evolution`, each with its values. variants: named changes of the
    experiment's own configuration, {dotted key: value} each. design: of factors `factorial`, all
    combinations, or `leave_one_out`, the experiment's own configuration and its changes in one
    factor at a time; of variants `variants`, the experiment's own configuration, called
    `reference`, and each of them: one at a time. budgets: each of these cells at every one of
    these budgets, so that it is seen where a change pays.
    """

    kind: Literal["ablate"]
    seeds: int = Field(default=6, ge=1, le=100, description="evolution seeds of each cell")
    design: AblateDesign = "factorial"
    factors: dict[str, tuple[Any, ...]] = Field(default_factory=dict)
    variants: dict[str, dict[str, Any]] = Field(default_factory=dict)
    reference: str = Field(
        default=REFERENCE, min_length=1, description="what the unchanged configuration is called"
    )
    budgets: tuple[int, ...] = Field(
        default=(), description="member-steps of each evolution, crossed with all else"
    )

    @field_validator("factors", mode="before")
    @classmethod
    def _dotted_factors(cls, value: Any) -> Any:
        return dotted(value) if isinstance(value, Mapping) else value

    @field_validator("variants", mode="before")
    @classmethod
    def _dotted_variants(cls, value: Any) -> Any:
        return dotted_each(value)

    @model_validator(mode="before")
    @classmethod
    def _design_and_budget(cls, content: Any) -> Any:
        if not isinstance(content, dict):
            return content
        if content.get("variants"):
            content = {"design": "variants"} | content
        budgets = content.get("budgets")
        if budgets and all(isinstance(budget, int) for budget in budgets):
            content = {"budget": max(budgets)} | content
        return content

    @model_validator(mode="after")
    def _factors_or_variants(self) -> "AblateStudy":
        if bool(self.factors) == bool(self.variants):
            raise ValueError("an ablation needs either factors or variants")
        if bool(self.variants) != (self.design == "variants"):
            raise ValueError(f"design {self.design!r} does not go with what is varied")
        if self.budgets and (
            len(set(self.budgets)) < max(len(self.budgets), 2)
            or self.budget != max(self.budgets)
            or min(self.budgets) < 1
        ):
            raise ValueError(
                "budgets: needs two or more different ones; leave budget out, or give the largest"
            )
        if self.budgets and self.design == "leave_one_out":
            raise ValueError("budgets do not go with design 'leave_one_out'")
        for name, changes in self.variants.items():
            if not name.strip() or name == self.reference:
                raise ValueError(f"variants: {name!r} cannot be the name of a variant")
            if not changes:
                raise ValueError(f"variants: {name!r} changes nothing")
        return self

    @property
    def levels(self) -> dict[str, tuple[Any, ...]]:
        """What distinguishes the cells: factors with their values, or VARIANT with the names; and
        BUDGET where there are several."""
        names = {VARIANT: (self.reference, *self.variants)}
        budgets = {BUDGET: tuple(sorted(self.budgets))} if self.budgets else {}
        return (names if self.variants else dict(self.factors)) | budgets


STUDY_KINDS = ("screen", "confirm", "ablate")


def _kind(value: Any) -> str:
    kind = value.get("kind", "screen") if isinstance(value, dict) else getattr(value, "kind", "")
    return str(kind)


StudySection = Annotated[
    Annotated[ScreenStudy, Tag("screen")]
    | Annotated[ConfirmStudy, Tag("confirm")]
    | Annotated[AblateStudy, Tag("ablate")],
    Discriminator(
        _kind,
        custom_error_type="study_kind",
        custom_error_message=f"kind must be one of {', '.join(STUDY_KINDS)}",
    ),
]

RANGE_KEYS = {"low", "high", "log", "step"}


def dotted_each(value: Any) -> Any:
    """Named tables, each with one dotted key per leaf; anything else is left to the validation."""
    if not isinstance(value, Mapping):
        return value
    return {
        name: dotted(changes) if isinstance(changes, Mapping) else changes
        for name, changes in value.items()
    }


def dotted(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A tree of tables with one dotted key per leaf; a range {low, high, ...} is a leaf.

    So a key may be written quoted, "evolution.settings.mode", or as TOML's own dotted key.
    """
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and not (value and set(value) <= RANGE_KEYS):
            flat |= dotted(value, f"{name}.")
        else:
            flat[name] = value
    return flat


def called(origin: str) -> str:
    """What a configuration is called for where it came from; "" where it has no name."""
    return CALLED.get(origin, "" if origin in ORIGINS else origin)
