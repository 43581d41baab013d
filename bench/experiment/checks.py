"""Names in an experiment, checked before anything is computed or written."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from numpy.random import SeedSequence

from bench.catalogue.losses import LOSSES
from bench.catalogue.metrics import METRICS
from bench.errors import InputError
from bench.experiment.model import Experiment, load
from bench.experiment.saved_losses import PRETRAINED
from bench.tasks.data_root import use_data_root
from bench.tasks.resolve import TaskRef, resolve
from mln.config import LearnerSpec, LossSpec, TrainingSpec
from mln.learners import learner_name, plan, try_module
from mln.pretrained import NAMES

DEVICES = ("cpu", "cuda")
"""Kinds of devices on which kernels are tested."""


def load_checked(
    source: str,
    overrides: Sequence[str] = (),
    data_root: Path | None = None,
    *,
    read_data: bool = True,
) -> Experiment:
    """Read an experiment and look up every task and loss it names.

    data_root: where data lies that does not come with the suite, from now on. read_data: read
    them, so that they are decoded before anything else begins, and compare their shapes; a report
    needs neither. Raises InputError as `bench.experiment.model.load` does, for a name that does
    not exist and for data that cannot be used.
    """
    use_data_root(data_root)
    experiment = load(source, overrides)
    named = _resolved(experiment, read_data)
    check_validation(
        source,
        named.validation,
        {
            "which evolution draws from": named.evolution,
            "which the study judges on": named.study,
            "which the benchmark reports": named.benchmark,
        },
    )
    _check_losses(experiment)
    repeated = next((task for task in named.benchmark if named.benchmark.count(task) > 1), None)
    if repeated is not None:
        raise InputError(f"{source}: benchmark.tasks: {repeated.name!r} is named twice")
    if read_data:
        _read_data(named)
        _check_vector_losses(experiment, named)
        _check_learners(experiment, named)
    _check_metric(experiment, named.benchmark)
    check_device(experiment.device)
    return experiment


def _check_losses(experiment: Experiment) -> None:
    benchmark = experiment.benchmark
    for name in benchmark.losses if benchmark else ():
        if benchmark and name in benchmark.saved_losses:
            continue
        if name in NAMES and name not in LOSSES:
            raise InputError(f"loss {name!r}: unknown; did you mean {PRETRAINED + name!r}?")
        LOSSES.get(name)


class NamedTasks(NamedTuple):
    """What an experiment's names of tasks stand for, by section."""

    evolution: tuple[TaskRef, ...]
    validation: tuple[TaskRef, ...]
    study: tuple[TaskRef, ...]
    benchmark: tuple[TaskRef, ...]


def _resolved(experiment: Experiment, read_data: bool) -> NamedTasks:
    named = partial(resolve, read_data=read_data)
    evolution, study, benchmark = experiment.evolution, experiment.study, experiment.benchmark
    return NamedTasks(
        tuple(map(named, evolution.families if evolution else ())),
        tuple(map(named, evolution.validation if evolution else ())),
        tuple(map(named, study.families if study else ())),
        tuple(map(named, benchmark.tasks if benchmark else ())),
    )


def check_validation(
    where: str, validation: Sequence[TaskRef], others: Mapping[str, Sequence[TaskRef]]
) -> None:
    """A genome is chosen neither on what it was evolved on nor on what it is reported on.

    others: such tasks, by what they are used for ("which the benchmark reports"). Raises
    InputError where the validation shares a family with them.
    """
    for what, tasks in others.items():
        stems = {stem for task in tasks for stem in task.family.stem.split("|")}
        for task in validation:
            if same := stems.intersection(task.family.stem.split("|")):
                raise InputError(
                    f"{where}: evolution.validation: {task.name!r} is of the family "
                    f"{min(same)!r}, {what}"
                )


def _read_data(named: NamedTasks) -> None:
    """Draw a task of everything that lies in files, once."""
    for task in dict.fromkeys(
        (*named.benchmark, *named.evolution, *named.validation, *named.study)
    ):
        if task.reads_files:
            task.source(test=False)(SeedSequence(0))


def _check_learners(experiment: Experiment, named: NamedTasks) -> None:
    """Every learner must be able to learn from the tasks it meets."""
    evolution, benchmark = experiment.evolution, experiment.benchmark
    pairs: list[tuple[LearnerSpec, TaskRef, TrainingSpec]] = []
    if evolution:
        drawn, settings = (*named.evolution, *named.validation), evolution.settings
        pairs += [(settings.learner, task, settings.training) for task in drawn]
    if benchmark:
        pairs += [
            (benchmark.learner_of(task.image is not None), task, benchmark.training)
            for task in named.benchmark
        ]
    for learner, task, training in pairs:
        obstacle = training.augmentation.obstacle(task.image)
        if obstacle is not None:
            raise InputError(f"task {task.name!r}: {obstacle}")
        try:
            if learner.kind == "module":
                try_module(learner, task.shape, task.image, min(training.batch_size, 2))
            else:
                plan(learner, *task.shape, task.image)
        except Exception as error:  # a module is the user's: anything can happen in it
            reason = str(error) or type(error).__name__
            raise InputError(
                f"learner {learner_name(learner)} on task {task.name!r}: {reason.splitlines()[0]}"
            ) from error


def _check_metric(experiment: Experiment, tasks: Sequence[TaskRef]) -> None:
    """A metric of drifts needs tasks that do."""
    still = [task.name for task in tasks if not task.drifts]
    for place in ("report", "tuning"):
        metric = getattr(experiment, place).metric
        if still and METRICS[metric].drift:
            raise InputError(
                f"{place}.metric {metric!r} needs tasks that drift; {still[0]!r} does not: add "
                "label_drift=0.5, for example"
            )


def _check_vector_losses(experiment: Experiment, named: NamedTasks) -> None:
    evolution, benchmark = experiment.evolution, experiment.benchmark
    for name, saved in benchmark.saved_losses.items() if benchmark else ():
        check_vector_loss(saved.spec, named.benchmark, f"loss {name!r}: its number of classes")
    if evolution is None:
        return
    benchmarked = named.benchmark if benchmark and benchmark.evolved else ()
    check_vector_loss(
        evolution.loss, (*named.evolution, *named.validation, *benchmarked, *named.study)
    )


def check_vector_loss(
    loss: LossSpec, tasks: Sequence[TaskRef], what: str = "evolution.loss.classes"
) -> None:
    """A whole-vector network has a fixed number of classes: every task must have as many.

    what: the number, as the message calls it.

    Raises:
        InputError: one has not.
    """
    for task in tasks if loss.classes is not None else ():
        classes = task.shape[1]
        if classes != loss.classes:
            raise InputError(f"{what} is {loss.classes}, but task {task.name!r} has {classes}")


def check_device(device: str) -> None:
    """Raises InputError where no kernel is tested on such a device, or it cannot be used here."""
    if device == "cpu":
        return
    kind = device.partition(":")[0]
    if kind not in DEVICES:
        raise InputError(
            f"device {device!r}: learners are trained on {' and '.join(DEVICES)} devices alone; "
            "no kernel is tested on others"
        )
    import torch

    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"device {device!r}: cannot be used here: {reason}") from error
