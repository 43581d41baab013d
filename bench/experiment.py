"""An experiment: one TOML file, validated, with `--set section.key=value` on top of it.

Reading one imports no torch: tasks, losses and learners are names here.
"""

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    Field,
    PositiveFloat,
    ValidationError,
    model_validator,
)

from bench.complaints import explain
from bench.errors import InputError, nearest
from bench.metrics import METRICS, MINIMISED
from bench.section import Section
from bench.study_section import StudySection, dotted
from mln.config import EvolutionConfig, LearnerSpec, LossSpec, TrainingSpec
from mln.kernels import engine
from mln.kernels.engine import KernelChoice, KernelName


class EvolutionSection(Section):
    """Which losses are evolved, on what."""

    runs: int = Field(default=3, ge=1, le=100, description="independent evolution runs")
    families: tuple[str, ...] = Field(min_length=1, description="task families to draw from")
    loss: LossSpec = LossSpec()
    settings: EvolutionConfig = EvolutionConfig()
    settings_from_study: bool = Field(
        default=False, description="take the settings that the study of this experiment found best"
    )


class BenchmarkSection(Section):
    """The grid: every task x loss x seed, for one learner."""

    tasks: tuple[str, ...] = Field(min_length=1)
    losses: tuple[str, ...] = Field(min_length=1, description="baselines and controls")
    evolved: bool = Field(default=True, description="benchmark the experiment's evolved losses too")
    seeds: int = Field(default=20, ge=1)
    learner: LearnerSpec = LearnerSpec()
    training: TrainingSpec = TrainingSpec(steps=500, batch_size=32)
    curve_points: int = Field(default=20, ge=1, description="points of a stored learning curve")


LARGEST_GRID = 5
"""Values of its parameter that every registered loss declares at least."""


class TuningSection(Section):
    """The tuning that every loss gets alike: len(rates) * parameter_values configurations.

    A loss with a parameter is tuned over `rates` x `parameter_values` values of it, a loss
    without one over a grid of rates as many times finer.
    """

    rates: tuple[PositiveFloat, ...] = Field(
        default=(0.0003, 0.001, 0.003, 0.01, 0.03), min_length=1
    )
    seeds: int = Field(default=3, ge=1)
    parameter_values: int = Field(
        default=1,
        ge=1,
        le=LARGEST_GRID,
        description="values of a loss's own parameter; with 1 it stays at its published default",
    )
    common_rate: float = Field(
        default=0.01, gt=0, description="the rate of the same-rate comparison"
    )

    @model_validator(mode="after")
    def _can_be_finer(self) -> "TuningSection":
        if len(set(self.rates)) < len(self.rates):
            raise ValueError("rates: a rate is named twice")
        if self.parameter_values > 1 and len(self.rates) < 2:
            raise ValueError(
                "parameter_values above 1 needs two or more rates, to make a finer grid"
            )
        return self


class ReportSection(Section):
    """What is declared before the run."""

    metric: str = "accuracy"
    direction: Literal["maximise", "minimise"] = "maximise"
    rope: float = Field(
        default=0.005, ge=0, description="region of practical equivalence, +-, in units"
    )
    worst: float = Field(default=0.0, description="score of a diverged run")
    baselines: tuple[str, ...] = ("ce", "mse")
    alpha: float = Field(default=0.05, gt=0, lt=1)

    @model_validator(mode="after")
    def _fits_the_metric(self) -> "ReportSection":
        if self.metric not in METRICS:
            raise ValueError(f"metric {self.metric!r} is unknown{nearest(self.metric, METRICS)}")
        direction = "minimise" if self.metric in MINIMISED else "maximise"
        if self.direction != direction:
            raise ValueError(f"metric {self.metric!r} needs direction = {direction!r}")
        if self.metric in MINIMISED and self.worst <= 0:
            raise ValueError(
                f"metric {self.metric!r} needs worst above 0, as 10.0 nats for nll, 1.0 for ece"
            )
        if len(set(self.baselines)) < len(self.baselines):
            raise ValueError("baselines: a loss is named twice")
        return self


class Experiment(Section):
    """A whole experiment."""

    name: str = Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_.-]+$")
    description: str = ""
    seed: int = Field(default=0, ge=0)
    device: str = "cpu"
    kernel: KernelChoice = Field(
        default="auto", description="what trains the learners; auto is the fastest that can"
    )
    evolution: EvolutionSection | None = None
    study: StudySection | None = None
    benchmark: BenchmarkSection | None = None
    tuning: TuningSection = TuningSection()
    report: ReportSection = ReportSection()

    @model_validator(mode="after")
    def _consistent(self) -> "Experiment":
        if self.evolution and self.evolution.settings_from_study:
            if not self.study:
                raise ValueError("evolution.settings_from_study needs a [study] section")
            if self.study.kind == "ablate":
                raise ValueError("evolution.settings_from_study needs a study that tunes")
        if self.study and not self.evolution:
            raise ValueError("a [study] tunes an [evolution]; the section is missing")
        try:
            self.fingerprint()
        except ValueError:
            raise ValueError("every number must be finite: found inf or nan") from None
        if self.benchmark:
            absent = [name for name in self.report.baselines if name not in self.benchmark.losses]
            if absent:
                raise ValueError(f"report.baselines: {absent[0]!r} is not in benchmark.losses")
            if len(set(self.benchmark.losses)) < len(self.benchmark.losses):
                raise ValueError("benchmark.losses: a loss is named twice")
            if self.benchmark.evolved and not self.evolution:
                raise ValueError("benchmark.evolved = true needs an [evolution] section")
        return self

    def evolved_losses(self) -> tuple[str, ...]:
        """Names of the experiment's evolved losses: mln_1, mln_2, ..."""
        if not (self.evolution and self.benchmark and self.benchmark.evolved):
            return ()
        return tuple(f"mln_{run + 1}" for run in range(self.evolution.runs))

    def evolution_kernel(self) -> KernelName:
        """What trains the learners of the experiment's evolutions and of their judgement."""
        section = self.evolution
        if section is None:
            raise ValueError("the experiment has no [evolution] section")
        return engine.choose(section.settings.learner, section.loss, self.device, self.kernel)

    def losses(self) -> tuple[str, ...]:
        """All losses of the benchmark: the baselines, then the evolved ones."""
        return (*(self.benchmark.losses if self.benchmark else ()), *self.evolved_losses())

    def fingerprint(self) -> str:
        """A hash of everything in the experiment that its results depend on."""
        return digest(self.model_dump(mode="json", exclude={"description"}))


def with_settings(evolution: EvolutionSection, settings: Mapping[str, Any]) -> EvolutionSection:
    """The evolution with some of its settings changed at once, by dotted keys of the experiment.

    Raises ValueError for a key that is no setting of the evolution, and for settings that are
    not valid together.
    """
    content: dict[str, Any] = {"evolution": evolution.model_dump(mode="json")}
    for key, value in settings.items():
        place: Any = content
        *sections, last = key.split(".")
        for part in sections:
            place = place.get(part) if isinstance(place, dict) else None
        if sections[:1] != ["evolution"] or not isinstance(place, dict) or last not in place:
            hint = nearest(key, dotted(content))
            raise ValueError(f"{key!r} is no setting of the evolution{hint}")
        place[last] = value
    try:
        return EvolutionSection.model_validate(content["evolution"])
    except ValidationError as error:
        raise ValueError(explain(error, EvolutionSection)) from error


def digest(value: Any) -> str:
    """SHA-256 of a JSON value in canonical form."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


SHIPPED = "bench.experiments"


def shipped() -> dict[str, str]:
    """Names and descriptions of the experiments that come with the suite."""
    found = {}
    for entry in sorted(resources.files(SHIPPED).iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".toml"):
            content = tomllib.loads(entry.read_text(encoding="utf-8"))
            found[entry.name.removesuffix(".toml")] = str(content.get("description", ""))
    return found


def load(source: str, overrides: Sequence[str] = ()) -> Experiment:
    """Read and validate an experiment: a TOML file's path, or the name of a shipped one.

    `overrides` are `section.key=value` with a TOML value (a bare word is a string). Raises
    InputError with one line that names the key and, for a typo, the nearest valid one.
    """
    content = _read(source)
    for override in overrides:
        _apply(content, override)
    try:
        return Experiment.model_validate(content)
    except ValidationError as error:
        raise InputError(f"{source}: {explain(error, Experiment)}") from error


def _read(source: str) -> dict[str, Any]:
    path = Path(source)
    try:
        if path.suffix == ".toml" or path.exists():
            text = path.read_text(encoding="utf-8")
        elif source in (names := shipped()):
            text = resources.files(SHIPPED).joinpath(f"{source}.toml").read_text(encoding="utf-8")
        else:
            hint = nearest(source, names)
            raise InputError(
                f"experiment {source!r}: neither a TOML file nor a shipped experiment{hint}; "
                "`mln-bench list experiments` shows them"
            )
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{source}: not valid TOML: {error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{source}: not a text file in UTF-8") from error
    except OSError as error:
        raise InputError(f"{source}: cannot be read: {error.strerror}") from error


def _apply(content: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        raise InputError(f"--set {override!r}: write it as section.key=value")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    place: Any = content
    for part in parts[:-1]:
        place = place.setdefault(part, {})
        if not isinstance(place, dict):
            raise InputError(f"--set {override!r}: {part!r} is a value, not a section")
    place[parts[-1]] = value
