"""Optuna studies in the database that holds the results."""

import warnings
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning, OptunaError
from optuna.pruners import NopPruner
from optuna.samplers import BaseSampler
from optuna.storages import RDBStorage
from sqlalchemy import event, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from bench.errors import InputError
from bench.experiment import Experiment, StudySection, digest
from bench.provenance import determinants, versions
from bench.store import BUSY_TIMEOUT_MS, Store, public_url, sqlite_pragmas
from studies.space import NAMES, SPACE_VERSION

METRIC = "gain over tuned CE"

optuna.logging.set_verbosity(optuna.logging.WARNING)


def create_study(experiment: Experiment, url: str, sampler: BaseSampler) -> optuna.Study:
    """The experiment's study, made if it is not there. The results store must exist.

    Raises:
        InputError: the URL cannot be used, or a study of this name has another configuration.
    """
    section = study_section(experiment)
    study = optuna.create_study(
        storage=_storage(url),
        study_name=section.name,
        sampler=sampler,
        pruner=NopPruner(),
        direction="maximize",
        load_if_exists=True,
    )
    if "fingerprint" not in study.user_attrs and not study.get_trials(deepcopy=False):
        _describe(study, experiment, section)
    _refuse_other(study, experiment, url)
    return study


def find_study(experiment: Experiment, url: str) -> optuna.Study | None:
    """The experiment's study if it is there; nothing is written.

    Raises:
        InputError: the URL cannot be used, or a study of this name has another configuration.
    """
    section = study_section(experiment)
    if _is_missing_file(url) or not _has_studies(url):
        return None
    storage = _storage(url)
    if section.name not in optuna.get_all_study_names(storage):
        return None
    study = optuna.load_study(study_name=section.name, storage=storage)
    _refuse_other(study, experiment, url)
    return study


def storage_of_studies(url: str) -> RDBStorage:
    """An existing storage with at least one study.

    Raises:
        InputError: there is none; no file is made.
    """
    if _has_studies(url):
        storage = _storage(url)
        if optuna.get_all_study_names(storage):
            return storage
    raise InputError(
        f"storage {public_url(url)}: holds no study; check --storage, or run `mln-bench study`"
    )


def study_section(experiment: Experiment) -> StudySection:
    """The experiment's [study]; InputError if it has none."""
    if experiment.study is None:
        raise InputError(f"experiment {experiment.name!r} has no [study] section; add one")
    return experiment.study


def study_fingerprint(experiment: Experiment) -> str:
    """A hash of all that a trial's value and proposal depend on.

    The number of trials is left out, since a study may be extended, and so are the settings that
    every trial replaces.
    """
    section = study_section(experiment)
    config = experiment.model_dump(mode="json", include={"seed", "device", "evolution", "tuning"})
    for key in ("runs", "settings_from_study"):
        del config["evolution"][key]
    for name in (*NAMES, "evolution.settings.budget"):
        _drop(config, name.split("."))
    config["tuning"] = {"rates": config["tuning"]["rates"]}
    config["study"] = section.model_dump(mode="json", exclude={"name", "trials"})
    config["optuna"] = versions()["optuna"]
    config["determinants"] = determinants(experiment.device, experiment.evolution_kernel())
    return digest(config | {"space": SPACE_VERSION})


def _drop(tree: dict[str, Any], path: list[str]) -> None:
    for part in path[:-1]:
        tree = tree[part]
    del tree[path[-1]]


def _describe(study: optuna.Study, experiment: Experiment, section: StudySection) -> None:
    """Say in the dashboard what is asked and how; the fingerprint, last, marks it complete."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        study.set_metric_names([METRIC])
    study.set_user_attr("question", question(section))
    study.set_user_attr("protocol", protocol(experiment, section))
    study.set_user_attr("space_version", SPACE_VERSION)
    study.set_user_attr("fingerprint", study_fingerprint(experiment))


def question(section: StudySection) -> str:
    """What the study asks, in one sentence."""
    return (
        "Which settings of the evolution give the loss with the largest gain over tuned "
        f"cross-entropy, when each run has {section.budget:,} member-steps?"
    )


def protocol(experiment: Experiment, section: StudySection) -> str:
    """How a trial is judged, in one sentence."""
    rates = ", ".join(f"{rate:g}" for rate in experiment.tuning.rates)
    return (
        f"Each trial evolves one loss and is judged on the same {section.tasks} tasks from "
        f"{', '.join(section.families)} (split outer_valid); it and cross-entropy each take the "
        f"best of the learning rates {rates} on inner_valid; {section.startup_trials} random "
        f"trials, then TPE, in batches of {section.batch}."
    )


def _refuse_other(study: optuna.Study, experiment: Experiment, url: str) -> None:
    if study.user_attrs.get("fingerprint") != study_fingerprint(experiment):
        raise InputError(
            f"study {study.study_name!r} in {public_url(url)} has another configuration, "
            "source or library versions; "
            "choose another study.name or another --storage"
        )


def _storage(url: str) -> RDBStorage:
    is_sqlite = make_url(url).get_backend_name() == "sqlite"
    arguments = {"connect_args": {"timeout": BUSY_TIMEOUT_MS / 1000}} if is_sqlite else {}
    try:
        storage = RDBStorage(url, engine_kwargs=arguments)
    except (SQLAlchemyError, OptunaError, RuntimeError, ImportError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"storage {public_url(url)}: {reason}") from error
    if is_sqlite:
        # Optuna has connected already: its connections are renewed with the pragmas.
        event.listen(storage.engine, "connect", sqlite_pragmas)
        storage.engine.dispose()
    return storage


def _has_studies(url: str) -> bool:
    """Whether an existing results store also has Optuna's tables; InputError if there is none."""
    store = Store(url, create=False)
    try:
        return inspect(store.engine).has_table("studies")
    finally:
        store.close()


def _is_missing_file(url: str) -> bool:
    try:
        parsed = make_url(url)
    except SQLAlchemyError:
        return False  # the results store says what is wrong with it
    is_file = parsed.get_backend_name() == "sqlite" and parsed.database not in (None, ":memory:")
    return is_file and not Path(str(parsed.database)).exists()
