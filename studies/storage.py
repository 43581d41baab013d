"""Optuna studies in the database that holds the results."""

import random
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
from optuna.exceptions import ExperimentalWarning, OptunaError
from optuna.pruners import BasePruner, NopPruner, WilcoxonPruner
from optuna.storages import RDBStorage
from sqlalchemy import event, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from bench.errors import InputError
from bench.experiment.model import Experiment
from bench.experiment.study import ConfirmStudy, ScreenStudy, StudyBase
from bench.store.database import BUSY_TIMEOUT_MS, public_url, sqlite_pragmas
from bench.store.store import Store
from studies.identity import first_difference, identity, study_fingerprint
from studies.objectives import METRIC, second_of
from studies.plan import StudyPlan, points, study_of
from studies.protocol import protocol_text, question
from studies.sampler import SlotHyperband, SlotSampler
from studies.space import SPACE_VERSION

CREATION_ATTEMPTS = 10
IDENTITY = "mln_bench:identity"
"""The attribute that keeps what a study is; one of the system's, which the dashboard hides."""

optuna.logging.set_verbosity(optuna.logging.WARNING)


def create_study(experiment: Experiment, url: str) -> None:
    """Make the results store and the experiment's study where they are not there.

    Of several processes that do so at once in an empty database all but one may fail inside of
    the libraries: the others then find what the one has made.

    Raises:
        InputError: the URL cannot be used, or a study of this name has another configuration.
    """
    study = study_of(experiment)
    second = second_of(study)

    def create() -> None:
        Store(url).close()
        with opened(url) as storage:
            made = optuna.create_study(
                storage=storage,
                study_name=study.name,
                directions=["maximize", *([second.direction] if second else [])],
                load_if_exists=True,
            )
            if "fingerprint" not in made.user_attrs:
                key = storage.get_study_id_from_name(study.name)
                storage.set_study_system_attr(key, IDENTITY, identity(experiment))
                _describe(made, experiment, study)
            _refuse_mismatch(storage, made, experiment, url)

    _with_retries(url, create)


@contextmanager
def loaded(
    experiment: Experiment, url: str, plan: StudyPlan
) -> Iterator[tuple[optuna.Study, SlotSampler]]:
    """The experiment's study as a worker uses it, with its sampler. It must be there.

    Raises:
        InputError: the URL cannot be used.
    """
    study = study_of(experiment)
    sampler = SlotSampler(experiment.seed, study, plan)
    with opened(url) as storage:
        yield (
            optuna.load_study(
                study_name=study.name,
                storage=storage,
                sampler=sampler,
                pruner=_pruner(study, sampler),
            ),
            sampler,
        )


def has_study(experiment: Experiment, url: str) -> bool:
    """Whether the experiment's study is there; nothing is written.

    Raises:
        InputError: the URL cannot be used, or a study of this name has another configuration.
    """
    name = study_of(experiment).name
    if _is_missing_file(url) or not _has_studies(url):
        return False
    with opened(url) as storage:
        if name not in optuna.get_all_study_names(storage):
            return False
        made = optuna.load_study(study_name=name, storage=storage)
        _refuse_mismatch(storage, made, experiment, url)
    return True


@contextmanager
def opened(url: str) -> Iterator[RDBStorage]:
    """Optuna's storage at a URL; its connections are closed at the end.

    Raises:
        InputError: the URL cannot be used.
    """
    storage = _storage(url)
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()


def refuse_without_studies(url: str) -> None:
    """See that there is a storage with at least one study.

    Raises:
        InputError: there is none; no file is made.
    """
    if _has_studies(url):
        with opened(url) as storage:
            if optuna.get_all_study_names(storage):
                return
    raise InputError(
        f"storage {public_url(url)}: holds no study; check --storage, or run `mln-bench study`"
    )


def _pruner(study: StudyBase, sampler: SlotSampler) -> BasePruner:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        if isinstance(study, ConfirmStudy) and study.stop_early:
            return WilcoxonPruner(
                p_threshold=study.p_threshold, n_startup_steps=study.startup_instances
            )
        if isinstance(study, ScreenStudy) and study.rungs > 1 and not second_of(study):
            first = points(study)[0]
            # One more than the last rung: a logarithm of it must not be rounded down.
            last = first * study.reduction ** (study.rungs - 1) + 1
            return SlotHyperband(sampler, first, last, study.reduction)
    return NopPruner()


def _describe(made: optuna.Study, experiment: Experiment, study: StudyBase) -> None:
    """Say in the dashboard what is asked and how; the fingerprint, last, marks it complete."""
    second = second_of(study)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        made.set_metric_names([METRIC, *([second.name] if second else [])])
    made.set_user_attr("question", question(study))
    made.set_user_attr("protocol", protocol_text(experiment, study))
    made.set_user_attr("space_version", SPACE_VERSION)
    made.set_user_attr("fingerprint", study_fingerprint(experiment))


def _refuse_mismatch(
    storage: RDBStorage, study: optuna.Study, experiment: Experiment, url: str
) -> None:
    if study.user_attrs.get("fingerprint") == study_fingerprint(experiment):
        return
    attrs = storage.get_study_system_attrs(storage.get_study_id_from_name(study.study_name))
    raise InputError(
        f"study {study.study_name!r} in {public_url(url)} is another one: "
        f"{first_difference(attrs.get(IDENTITY, {}), identity(experiment))}; "
        "choose another study.name or another --storage"
    )


def _with_retries(url: str, create: Callable[[], None]) -> None:
    """Try again where another process makes the same tables or rows at this moment."""
    for attempt in range(CREATION_ATTEMPTS):
        try:
            create()
            return
        except (SQLAlchemyError, OptunaError, InputError) as error:
            cause = error.__cause__ if isinstance(error, InputError) else error
            # On PostgreSQL an operational error is a server that cannot be reached.
            is_away = isinstance(cause, OperationalError) and not url.startswith("sqlite")
            is_race = isinstance(cause, DBAPIError | OptunaError) and not is_away
            if not is_race or attempt == CREATION_ATTEMPTS - 1:
                raise
            time.sleep(random.uniform(0.1, 0.5))


def _storage(url: str) -> RDBStorage:
    is_sqlite = make_url(url).get_backend_name() == "sqlite"
    arguments = {"connect_args": {"timeout": BUSY_TIMEOUT_MS / 1000}} if is_sqlite else {}
    try:
        # Optuna fills a version into braces of a URL: those of a path are doubled.
        plain = url.replace("{", "{{").replace("}", "}}")
        storage = RDBStorage(plain, engine_kwargs=arguments)
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
