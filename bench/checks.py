"""Names in an experiment, checked before anything is computed or written."""

from collections.abc import Sequence

from bench.errors import InputError
from bench.experiment import Experiment, load
from bench.registry import reference
from bench.tasks.register import canonical, shape
from mln.config import LossSpec


def load_checked(source: str, overrides: Sequence[str] = ()) -> Experiment:
    """Read an experiment and look up every task and loss it names.

    Raises InputError as `bench.experiment.load` does, and for a name that does not exist.
    """
    experiment = load(source, overrides)
    for family in experiment.evolution.families if experiment.evolution else ():
        canonical(family)
    for family in experiment.study.families if experiment.study else ():
        canonical(family)
    if experiment.benchmark:
        for name in experiment.benchmark.losses:
            reference(name, LossSpec())
        names = [canonical(task) for task in experiment.benchmark.tasks]
        repeated = next((name for name in names if names.count(name) > 1), None)
        if repeated is not None:
            raise InputError(f"{source}: benchmark.tasks: {repeated!r} is named twice")
    _check_vector_losses(experiment)
    _check_device(experiment.device)
    return experiment


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
