"""Studies as the command line uses them: running one, and taking its best settings."""

from typing import TYPE_CHECKING

from bench.errors import InputError

if TYPE_CHECKING:
    from bench.experiment import Experiment
    from studies.outcome import StudyResult


def resolved_settings(
    experiment: "Experiment", storage: str, *, required: bool = True
) -> "Experiment":
    """The experiment with the settings that its study found, where it asks for them."""
    section = experiment.evolution
    if section is None or not section.settings_from_study:
        return experiment
    from studies.screen import best_settings

    best = best_settings(experiment, storage)
    if best is None:
        if not required:
            return experiment
        raise InputError(
            f"experiment {experiment.name}: evolution.settings_from_study, but its study is not "
            "finished here; run `mln-bench study` first"
        )
    return experiment.model_copy(
        update={"evolution": section.model_copy(update={"settings": best})}
    )


def tune_settings(
    experiment: "Experiment", storage: str, workers: int | None, trials: int | None = None
) -> "StudyResult":
    """Run the experiment's study, or what of it is missing, with progress on standard error."""
    from bench.pool import default_jobs
    from bench.progress import Live
    from studies.outcome import StudyProgress
    from studies.screen import run_study

    if experiment.study is None:
        raise InputError(f"experiment {experiment.name}: has no [study] section")
    with Live() as live:
        started = False

        def progressed(progress: StudyProgress) -> None:
            nonlocal started
            if not started:
                live.phase("study", progress.total, progress.done)
                started = True
            live.update(progress.done)

        return run_study(
            experiment,
            storage,
            workers=workers or default_jobs(),
            trials=trials,
            progress=progressed,
        )
