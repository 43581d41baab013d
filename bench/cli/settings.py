"""Settings that a study finds: running the study, and taking over what it found."""

from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import InputError

if TYPE_CHECKING:
    from bench.experiment.model import Experiment
    from studies.gain_text import GainUnit
    from studies.outcome import StudyProgress, StudyResult


def resolved_settings(
    experiment: "Experiment", storage: str, *, required: bool = True
) -> "Experiment":
    """The experiment with the settings that its study found, where it asks for them.

    Raises:
        InputError: the study is not finished in this storage; without `required`, the experiment
            is returned as it is.
    """
    section = experiment.evolution
    if section is None or not section.settings_from_study:
        return experiment
    from studies.results import best_evolution

    best = best_evolution(experiment, storage)
    if best is None:
        if not required:
            return experiment
        raise InputError(
            f"experiment {experiment.name}: evolution.settings_from_study, but its study is not "
            "finished here; run `mln-bench study` first"
        )
    return experiment.model_copy(update={"evolution": best})


def tune_settings(
    experiment: "Experiment",
    storage: str,
    artifacts: Path,
    workers: int | None,
    trials: int | None = None,
) -> "StudyResult":
    """Run what is missing of the experiment's study, with progress on standard error.

    workers: processes, by default one per processor or GPU; trials: how many in all, by default as
    many as the experiment says.

    Raises:
        InputError: the experiment has no study, or the folder of artifacts cannot be written.
    """
    from bench.files import require_writable
    from bench.workers.devices import default_workers
    from bench.workers.progress import Live
    from studies.gain_text import gain_unit
    from studies.run import Workers, run_study

    unit = gain_unit(experiment)
    require_writable(artifacts)
    if experiment.study is None:
        raise InputError(f"experiment {experiment.name}: has no [study] section")
    with Live() as live:
        started = False

        def progressed(progress: "StudyProgress") -> None:
            nonlocal started
            if not started:
                live.phase("study", progress.total, progress.done)
                started = True
            live.update(progress.done, _note(progress, unit))

        return run_study(
            experiment,
            storage,
            artifacts,
            workers=Workers(workers or default_workers(experiment.device)),
            trials=trials,
            on_progress=progressed,
        )


def _note(progress: "StudyProgress", unit: "GainUnit") -> str:
    best = "" if progress.best_value is None else f"best {unit.text(progress.best_value)}"
    share = progress.pruned / progress.done if progress.pruned else 0
    return ", ".join(part for part in (best, f"{share:.0%} pruned" if share else "") if part)
