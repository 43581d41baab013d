"""The best configuration as an experiment of its own, in TOML."""

from pathlib import Path

import tomli_w

from bench.errors import InputError
from bench.experiment.model import Experiment
from studies.gain_text import gain_unit
from studies.outcome import StudyTrial
from studies.results import with_best


def exported(experiment: Experiment, best: StudyTrial | None) -> str:
    """The experiment with a study's best settings in place of the study, as TOML.

    `evolve` takes it, and `run` where the experiment has a benchmark. Everything is spelt out, so
    that it means the same under another version's defaults.

    Raises:
        InputError: there is no best trial, or its settings do not go with the evolution's budget.
    """
    if best is None:
        raise InputError("--export: the study has no complete and feasible trial")
    assert experiment.study is not None
    evolution = with_best(experiment, best.params).model_copy(update={"settings_from_study": False})
    gain = "" if best.value is None else f" (gain {gain_unit(experiment).text(best.value)})"
    description = (
        f"The best of study {experiment.study.name!r}: trial {best.number}{gain}, chosen with "
        f"{experiment.study.budget} member-steps for each evolution."
    )
    with_settings = experiment.model_copy(
        update={"description": description, "study": None, "evolution": evolution}
    )
    return tomli_w.dumps(with_settings.model_dump(mode="json", exclude_none=True))


def export(experiment: Experiment, best: StudyTrial | None, path: Path) -> None:
    """Write `exported` to a file.

    Raises:
        InputError: as `exported`, or the file cannot be written.
    """
    text = exported(experiment, best)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"--export {path}: cannot be written: {error.strerror}") from error
