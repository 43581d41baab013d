"""Names in an experiment, checked before anything is computed or written."""

from collections.abc import Sequence
from pathlib import Path

from numpy.random import SeedSequence

from bench.catalogue.losses import LOSSES
from bench.catalogue.metrics import METRICS
from bench.errors import InputError
from bench.experiment.model import Experiment, load
from bench.tasks.data_root import use_data_root
from bench.tasks.names import parse
from bench.tasks.resolve import canonical, identity, image, shape
from bench.tasks.resolve import source as source_of
from mln.config import LearnerSpec, LossSpec
from mln.learners import build_module, learner_name, plan


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
    for family in experiment.evolution.families if experiment.evolution else ():
        canonical(family)
    for family in experiment.study.families if experiment.study else ():
        canonical(family)
    if experiment.benchmark:
        for name in experiment.benchmark.losses:
            LOSSES.get(name)
        names = [canonical(task) for task in experiment.benchmark.tasks]
        repeated = next((name for name in names if names.count(name) > 1), None)
        if repeated is not None:
            raise InputError(f"{source}: benchmark.tasks: {repeated!r} is named twice")
    if read_data:
        _read_data(experiment)
        _check_vector_losses(experiment)
        _check_learners(experiment)
    _check_metric(experiment)
    _check_device(experiment.device)
    return experiment


def _read_data(experiment: Experiment) -> None:
    """Draw a task of everything that lies in files, once."""
    names = [*experiment.benchmark.tasks] if experiment.benchmark else []
    for section in (experiment.evolution, experiment.study):
        names += section.families if section else ()
    for name in dict.fromkeys(names):
        if identity(name)[1]:
            source_of(name, test=False)(SeedSequence(0))


def _check_learners(experiment: Experiment) -> None:
    """Every learner must be able to learn from the tasks it meets."""
    evolution, benchmark = experiment.evolution, experiment.benchmark
    met: list[tuple[LearnerSpec, str]] = []
    if evolution:
        met += [(evolution.settings.learner, name) for name in evolution.families]
    if benchmark:
        met += [(benchmark.learner_of(image(name) is not None), name) for name in benchmark.tasks]
    for learner, name in met:
        try:
            if learner.kind == "module":
                build_module(learner, *shape(name), image(name))
            else:
                plan(learner, *shape(name), image(name))
        except Exception as error:  # a module is the user's: anything can happen in it
            reason = str(error) or type(error).__name__
            raise InputError(
                f"learner {learner_name(learner)} on task {name!r}: {reason.splitlines()[0]}"
            ) from error


def _check_metric(experiment: Experiment) -> None:
    """A metric of drifts needs tasks that do."""
    benchmark = experiment.benchmark
    still = [name for name in benchmark.tasks if not parse(name).drifts] if benchmark else []
    for place in ("report", "tuning"):
        metric = getattr(experiment, place).metric
        if still and METRICS[metric].drift:
            raise InputError(
                f"{place}.metric {metric!r} needs tasks that drift; {still[0]!r} does not: add "
                "label_drift=0.5, for example"
            )


def _check_vector_losses(experiment: Experiment) -> None:
    evolution, benchmark = experiment.evolution, experiment.benchmark
    if evolution is None:
        return
    names = [*evolution.families]
    names += benchmark.tasks if benchmark and benchmark.evolved else ()
    names += experiment.study.families if experiment.study else ()
    check_vector_loss(evolution.loss, names)


def check_vector_loss(loss: LossSpec, tasks: Sequence[str]) -> None:
    """A whole-vector network has a fixed number of classes: every task must have as many.

    Raises:
        InputError: one has not.
    """
    for name in tasks if loss.classes is not None else ():
        classes = shape(name)[1]
        if classes != loss.classes:
            raise InputError(
                f"evolution.loss.classes is {loss.classes}, but task {name!r} has {classes}"
            )


def _check_device(device: str) -> None:
    if device == "cpu":
        return
    import torch

    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"device {device!r}: cannot be used here: {reason}") from error
