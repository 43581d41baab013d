"""An experiment: one TOML file, validated, with `--set section.key=value` on top of it.

Reading one imports no torch: tasks, losses and learners are names here.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, field_validator, model_validator

from bench.catalogue import plugins
from bench.errors import InputError, nearest
from bench.experiment.overrides import (
    apply_override,
    merged,
    recipes_as_tables,
    scales_named,
    scales_of,
)
from bench.experiment.saved_losses import SavedLossSection, with_saved_losses
from bench.experiment.sections import (
    BenchmarkSection,
    ReportSection,
    SectionBase,
    TuningSection,
    specified,
    trained,
    with_declared_metric,
)
from bench.experiment.study import StudySection, dotted
from bench.experiment.validation_text import first_error
from bench.keys import digest
from mln.config import EvolutionConfig, LossSpec
from mln.kernels import engine
from mln.kernels.engine import KernelChoice, KernelName

__all__ = [
    "BenchmarkSection",
    "EvolutionSection",
    "Experiment",
    "ReportSection",
    "StudySection",
    "TuningSection",
    "load",
    "shipped",
    "with_settings",
]


class EvolutionSection(SectionBase):
    """Which losses are evolved, on what. settings.learner may be a name of `list learners`."""

    runs: int = Field(default=3, ge=1, le=100, description="independent evolution runs")
    families: tuple[str, ...] = Field(min_length=1, description="task families to draw from")
    validation: tuple[str, ...] = Field(
        default=(), description="other families, on which the delivered genome is chosen"
    )
    loss: LossSpec = LossSpec()
    start_from: SavedLossSection | None = Field(
        default=None,
        exclude_if=lambda start: start is None,
        description="a loss to go on from, file:PATH or pretrained:NAME; else as loss.start says",
    )
    settings: EvolutionConfig = EvolutionConfig()
    settings_from_study: bool = Field(
        default=False, description="take the settings that the study of this experiment found best"
    )

    @field_validator("settings", mode="before")
    @classmethod
    def _named_parts(cls, settings: Any) -> Any:
        if not isinstance(settings, dict):
            return settings
        named = {"learner": specified, "training": trained}
        return settings | {
            key: read(settings[key]) for key, read in named.items() if key in settings
        }

    @model_validator(mode="after")
    def _starts_from_its_own_form(self) -> "EvolutionSection":
        if self.start_from is None:
            return self
        wanted, held = asdict(self.loss), asdict(self.start_from.spec)
        for name in wanted:
            if name != "start" and wanted[name] != held[name]:
                raise ValueError(
                    f"start_from: the file's loss has {name} = {held[name]!r}, loss.{name} is "
                    f"{wanted[name]!r}"
                )
        return self

    @model_validator(mode="after")
    def _room_for_the_validation(self) -> "EvolutionSection":
        settings = self.settings
        cost = settings.validation_cost
        if self.validation and settings.coevolution != "fresh":
            raise ValueError(
                f"validation needs settings.coevolution fresh, not {settings.coevolution}"
            )
        if self.validation and settings.generation_cost + cost > settings.budget:
            raise ValueError(
                f"settings.budget ({settings.budget}) is less than one generation "
                f"({settings.generation_cost}) and the validation ({cost}); lower "
                "settings.validation.tasks or settings.validation.candidates"
            )
        return self


class Experiment(SectionBase):
    """A whole experiment."""

    name: str = Field(min_length=1, max_length=100, pattern=r"^\.*[A-Za-z0-9_-][A-Za-z0-9_.-]*$")
    description: str = ""
    scale: str = Field(
        default="full", description="a part of [scales], or several joined by '+'; full is none"
    )
    plugins: tuple[str, ...] = Field(
        default=(), description="Python files with tasks, losses, learners; relative to this file"
    )
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

    @model_validator(mode="before")
    @classmethod
    def _declared_of_the_metric(cls, content: Any) -> Any:
        """What report and tuning leave open is as the report's metric declares."""
        return with_declared_metric(content)

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
        settings = section.settings
        return engine.choose(
            settings.learner,
            section.loss,
            self.device,
            self.kernel,
            settings.training.augmentation.changes,
        )

    def losses(self) -> tuple[str, ...]:
        """All losses of the benchmark: the baselines, then the evolved ones."""
        return (*(self.benchmark.losses if self.benchmark else ()), *self.evolved_losses())

    def candidates(self) -> tuple[str, ...]:
        """What is compared with the declared baselines: losses from files, then evolved ones.

        Without any of either, all losses that are no baselines.
        """
        losses, baselines = self.losses(), self.report.baselines
        learned = (*(self.benchmark.saved_losses if self.benchmark else ()), *self.evolved_losses())
        own = tuple(name for name in losses if name in learned and name not in baselines)
        return own or tuple(name for name in losses if name not in baselines)

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
        raise ValueError(first_error(error, EvolutionSection)) from error


SHIPPED = "bench.experiment.shipped"
FORMER = {
    "run": "quickstart",
    "evolve": "one-loss",
    "study": "first-study",
    "screen": "screening",
    "confirm": "confirmation",
    "ablate": "mode-ablation",
    "ablation": "search-ablation",
}
"""Shipped experiments that were once named as verbs, and what they are called now."""


def shipped() -> dict[str, str]:
    """Names and descriptions of the experiments that come with the suite."""
    descriptions = {}
    for entry in sorted(resources.files(SHIPPED).iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".toml"):
            content = tomllib.loads(entry.read_text(encoding="utf-8"))
            descriptions[entry.name.removesuffix(".toml")] = str(content.get("description", ""))
    return descriptions


def load(source: str, overrides: Sequence[str] = ()) -> Experiment:
    """Read and validate an experiment: a TOML file's path, or the name of a shipped one.

    `overrides` are `section.key=value` with a TOML value (a bare word is a string). Raises
    InputError with one line that names the key and, for a typo, the nearest valid one.
    """
    content: dict[str, Any] = {}
    for _, layer in layers(source, overrides)[:-1]:
        content = merged(content, layer)
    for override in overrides:
        apply_override(content, override)
    folder = Path(source).parent if Path(source).is_file() else Path()
    if isinstance(files := content.get("plugins", []), list):
        plugins.load_files(folder / str(file) for file in files)
    content = with_saved_losses(content, folder, source)
    try:
        return Experiment.model_validate(content)
    except ValidationError as error:
        raise InputError(f"{source}: {first_error(error, Experiment)}") from error


def layers(source: str, overrides: Sequence[str] = ()) -> list[tuple[str, dict[str, Any]]]:
    """What an experiment is made of, each laid over those before it: (where from, keys).

    The file, the scales that it or an override names, the overrides. Raises InputError as `load`.
    """
    content = _read(source)
    chosen: dict[str, Any] = {}
    for override in overrides:
        apply_override(chosen, override)
    scales = scales_of(content, source)
    return [
        ("file", content),
        *(
            (f"scale {name}", scales[name])
            for name in scales_named(content, chosen, scales, source)
        ),
        ("--set", chosen),
    ]


def _read(source: str) -> dict[str, Any]:
    path = Path(source)
    try:
        if path.suffix == ".toml" or path.is_file():
            text = path.read_text(encoding="utf-8-sig")  # as some editors save it
        elif source in (names := shipped()):
            text = resources.files(SHIPPED).joinpath(f"{source}.toml").read_text(encoding="utf-8")
        else:
            hint = (
                f"; its name is {new!r} now"
                if (new := FORMER.get(source))
                else nearest(source, names)
            )
            raise InputError(
                f"experiment {source!r}: neither a TOML file nor a shipped experiment{hint}; "
                "`mln-bench list experiments` shows them"
            )
        return recipes_as_tables(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{source}: not valid TOML: {error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{source}: not a text file in UTF-8") from error
    except OSError as error:
        raise InputError(f"{source}: cannot be read: {error.strerror}") from error
