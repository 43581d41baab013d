"""The benchmark's sections of an experiment: its grid, its tuning, what its report declares."""

from dataclasses import asdict
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, field_validator, model_validator

from bench.catalogue.learners import learner
from bench.catalogue.losses import LOSSES, MIN_GRID_VALUES
from bench.catalogue.metrics import METRICS
from bench.catalogue.trainings import trained as with_recipe
from bench.errors import InputError, nearest
from bench.experiment.saved_losses import SavedLossSection
from mln.config import LearnerSpec, TrainingSpec


class SectionBase(BaseModel):
    """A part of an experiment: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def trained(named: Any) -> Any:
    """A training as a table, where a recipe is named; raises ValueError for an unknown name."""
    try:
        return with_recipe(named)
    except InputError as error:
        raise ValueError(str(error)) from error


def specified(named: Any) -> Any:
    """A learner as a table, where it is named; raises ValueError for an unknown name."""
    if not isinstance(named, str):
        return named
    try:
        return asdict(learner(named))
    except InputError as error:
        raise ValueError(str(error)) from error


class BenchmarkSection(SectionBase):
    """The grid: every task x loss x seed, for one learner, or one more for tasks of pictures."""

    tasks: tuple[str, ...] = Field(min_length=1)
    losses: tuple[str, ...] = Field(
        min_length=1, description="of `list losses`, or file:PATH relative to this file"
    )
    saved_losses: dict[str, SavedLossSection] = Field(
        default_factory=dict,
        exclude_if=lambda saved: not saved,
        description="what the files of `losses` hold; filled in where the experiment is read",
    )
    evolved: bool = Field(default=True, description="benchmark the experiment's evolved losses too")
    seeds: int = Field(default=20, ge=1)
    learner: LearnerSpec = Field(
        default=LearnerSpec(), description="a name of `list learners`, or a table"
    )
    picture_learner: LearnerSpec | None = Field(
        default=None, description="the learner of tasks of pictures; by default `learner`"
    )
    training: TrainingSpec = Field(
        default=TrainingSpec(steps=500, batch_size=32),
        description='keys, or `recipe = "he2016"` of `list trainings` and keys that differ from it',
    )
    curve_points: int = Field(default=20, ge=1, description="points of a stored learning curve")

    @field_validator("learner", "picture_learner", mode="before")
    @classmethod
    def _named_learner(cls, value: Any) -> Any:
        return specified(value)

    @field_validator("training", mode="before")
    @classmethod
    def _named_recipe(cls, value: Any) -> Any:
        return trained(value)

    @model_validator(mode="after")
    def _names_what_it_saves(self) -> "BenchmarkSection":
        for name in self.saved_losses:
            if name not in self.losses:
                raise ValueError(f"saved_losses: {name!r} is not in losses")
            if name in LOSSES:
                raise ValueError(f"saved_losses: {name!r} is the name of another loss")
        return self

    def learner_of(self, pictures: bool) -> LearnerSpec:
        """What is trained on a task."""
        return self.picture_learner if pictures and self.picture_learner else self.learner


class TuningSection(SectionBase):
    """The tuning that every loss gets alike: len(rates) * parameter_values configurations.

    Each is trained on every seed of the benchmark; a policy chooses among them by inner_valid
    (`bench.policies`). A loss with a parameter is tuned over `rates` x `parameter_values` values
    of it, a loss without one over a grid of rates as many times finer.
    """

    rates: tuple[PositiveFloat, ...] = Field(
        default=(0.0003, 0.001, 0.003, 0.01, 0.03), min_length=1
    )
    parameter_values: int = Field(
        default=1,
        ge=1,
        le=MIN_GRID_VALUES,
        description="values of a loss's own parameter; with 1 it stays at its published default",
    )
    metric: str = Field(
        default="accuracy",
        description="what is best on inner_valid; by default the report's metric",
    )
    common_rate: float = Field(
        default=0.01, gt=0, description="the rate of the same-rate comparison"
    )

    @model_validator(mode="before")
    @classmethod
    def _has_no_seeds_of_its_own(cls, content: Any) -> Any:
        if isinstance(content, dict) and "seeds" in content:
            raise ValueError(
                "tuning.seeds is gone: every loss is now tuned on each seed of the benchmark; "
                "delete the key"
            )
        return content

    @model_validator(mode="after")
    def _can_be_finer(self) -> "TuningSection":
        known_metric(self.metric)
        if len(set(self.rates)) < len(self.rates):
            raise ValueError("rates: a rate is named twice")
        if self.parameter_values > 1 and len(self.rates) < 2:
            raise ValueError(
                "parameter_values above 1 needs two or more rates, to make a finer grid"
            )
        return self


class ReportSection(SectionBase):
    """What is declared before the run."""

    metric: str = "accuracy"
    direction: Literal["maximise", "minimise"] = Field(
        default="maximise", description="by default the metric's"
    )
    rope: float = Field(
        default=0.005,
        ge=0,
        description="region of practical equivalence, +-, in units; by default the metric's",
    )
    worst: float = Field(
        default=0.0, description="score of a diverged run; by default the metric's"
    )
    baselines: tuple[str, ...] = ("ce", "mse")
    alpha: float = Field(default=0.05, gt=0, lt=1)

    @model_validator(mode="after")
    def _fits_the_metric(self) -> "ReportSection":
        known_metric(self.metric)
        direction = METRICS[self.metric].direction
        if self.direction != direction:
            raise ValueError(f"metric {self.metric!r} needs direction = {direction!r}")
        if METRICS[self.metric].is_minimised and self.worst <= 0:
            raise ValueError(
                f"metric {self.metric!r} needs worst above 0, as 10.0 nats for nll, 1.0 for ece"
            )
        if len(set(self.baselines)) < len(self.baselines):
            raise ValueError("baselines: a loss is named twice")
        return self


def known_metric(name: str) -> None:
    """Raises ValueError for a name that is no metric."""
    if name not in METRICS:
        raise ValueError(f"metric {name!r} is unknown{nearest(name, METRICS)}")


def with_declared_metric(content: Any) -> Any:
    """An experiment's content whose report has all that its metric declares; times need the steps.
    What is reported is also what is tuned for.

    What is not as it must be is left to the validation.
    """
    if not isinstance(content, dict) or not isinstance(content.get("report", {}), dict):
        return content
    report = content.get("report", {})
    metric = METRICS.get(str(report.get("metric", "accuracy")))
    if metric is None:
        return content
    place: Any = content
    for key in ("benchmark", "training", "steps"):
        place = trained(place) if key == "steps" else place
        place = place.get(key) if isinstance(place, dict) else getattr(place, key, None)
    default = BenchmarkSection.model_fields["training"].default.steps
    steps = place if isinstance(place, int) else default
    declared = {
        "direction": metric.direction,
        "rope": metric.rope_after(steps),
        "worst": metric.worst_after(steps),
    }
    completed = content | {"report": declared | report}
    tuning = content.get("tuning", {})
    if isinstance(tuning, dict):
        completed["tuning"] = {"metric": report.get("metric", "accuracy")} | tuning
    return completed
