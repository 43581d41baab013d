"""What makes a study the same study: all that a trial's value and proposal depend on."""

import json
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from typing import Any

from bench.catalogue.learners import learner_identity
from bench.cells.provenance import determinants, versions
from bench.experiment.model import Experiment
from bench.experiment.study import dotted
from bench.keys import digest
from bench.tasks.resolve import resolve
from studies.plan import evolved_on, study_of
from studies.space import SPACE_VERSION

DETERMINING_FILES = (
    "ablating", "domains", "judging", "objective", "objectives", "outcome", "plan", "sampler",
    "seeds", "space",
)  # fmt: skip
"""The files of this package that a trial's value or proposal depends on."""

CONFIGURED = ("seed", "device", "evolution", "tuning", "study")
"""Sections of the experiment, whose keys a user knows; the rest are versions and sources."""


def identity(experiment: Experiment) -> dict[str, Any]:
    """What a study is, as JSON values. The number of trials is left out: it may be extended.

    Raises:
        InputError: the experiment has no study, or names an unknown family or learner.
    """
    study = study_of(experiment)
    config = experiment.model_dump(mode="json", include={"seed", "device", "evolution", "tuning"})
    for key in ("runs", "settings_from_study"):
        del config["evolution"][key]
    del config["evolution"]["settings"]["budget"]
    config["tuning"] = {"rates": config["tuning"]["rates"]}
    config["study"] = study.model_dump(mode="json", exclude={"name", "trials"})
    families = (*evolved_on(experiment), *study.families)
    config["tasks"] = [resolve(family).identity() for family in families]
    if experiment.evolution:
        config["learner"] = learner_identity(experiment.evolution.settings.learner)
    config["optuna"] = versions()["optuna"]
    config["determinants"] = determinants(experiment.device, experiment.evolution_kernel())
    config["source"] = source_hash()
    config["space"] = SPACE_VERSION
    found: dict[str, Any] = json.loads(json.dumps(config))
    return found


def study_fingerprint(experiment: Experiment) -> str:
    """A hash of the study's identity; raises InputError as `identity`."""
    return digest(identity(experiment))


def first_difference(stored: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    """In words, the first key in which two identities differ: "seed is 1 there and 7 here"."""
    there, here = (
        dotted({name: kept[name] for name in CONFIGURED if name in kept})
        for kept in (stored, asked)
    )
    for name in here | there if stored else ():
        if there.get(name) != here.get(name):
            known = (json.dumps(kept.get(name)) for kept in (there, here))
            one, other = (text if len(text) <= 60 else f"{text[:57]}..." for text in known)
            return f"{name} is {one} there and {other} here"
    for name in ("tasks", "learner"):
        if stored and stored.get(name) != asked.get(name):
            return f"its {name} have another content"
    return "it was made by other sources or library versions"


@lru_cache
def source_hash() -> str:
    """Hash of this package's files that determine what a trial is and what it is worth."""
    folder = resources.files("studies")
    return digest([folder.joinpath(f"{name}.py").read_text("utf-8") for name in DETERMINING_FILES])
