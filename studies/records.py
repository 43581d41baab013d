"""What a finished trial leaves behind: thin numbers, a picture, a table, its losses, its rows."""

import csv
import tempfile
from pathlib import Path

import numpy as np
from optuna.artifacts import FileSystemArtifactStore, upload_artifact
from optuna.trial import Trial

from bench.experiment.model import Experiment
from bench.experiment.study import ScreenStudy, StudyBase
from bench.store.store import Row
from studies.naming import trial_name
from studies.objectives import regime_gains
from studies.outcome import Params, Run, TrialOutcome, violation
from studies.plan import space_of, study_of

CONSTRAINT = "diverged"
ARTIFACTS_FOLDER = "optuna"


def artifact_store(artifacts: Path) -> FileSystemArtifactStore:
    """Where the artifacts of all studies lie, below the folder of artifacts; it is made."""
    folder = (artifacts / ARTIFACTS_FOLDER).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return FileSystemArtifactStore(folder)


def record(
    trial: Trial, outcome: TrialOutcome, seconds: float, experiment: Experiment, artifacts: Path
) -> None:
    """Write a trial's constraint, attributes and artifacts to Optuna."""
    study = study_of(experiment)
    excess = violation(outcome.diverged, study)
    trial.set_constraint(CONSTRAINT, excess)
    # The dashboard of this version does not show constraints: the numbers stand here too.
    numbers: dict[str, str | int | float] = {
        "name": trial_name(space_of(experiment), trial.params),
        "feasible": int(excess <= 0),
        "violation": max(excess, 0.0),
        "diverged": outcome.diverged,
        "pruned": int(outcome.is_pruned),
        "member_steps": outcome.member_steps,
        "seconds": round(seconds, 2),
    }
    if outcome.runs:
        by_regime = regime_gains(outcome.families)
        numbers["worst_regime"] = min(by_regime, key=by_regime.__getitem__)
        numbers |= {f"gain: {regime}": gain for regime, gain in by_regime.items()}
        numbers |= {"law": text} if (text := law_text(outcome.runs[0])) else {}
    if len(outcome.runs) > 1:
        numbers["sd_of_seeds"] = float(np.std([r.by_task.mean() for r in outcome.runs], ddof=1))
    for name, value in numbers.items():
        trial.set_user_attr(name, value)
    if outcome.runs:
        _upload(trial, outcome, experiment, study, artifacts)


def save_failure(trial: Trial, reason: str) -> None:
    """Say on a failed trial why it failed."""
    # Imported here: it brings scikit-learn along, and a worker starts without it.
    from optuna_dashboard import save_note

    save_note(trial, f"**Failed.** {reason}")


def law_text(run: Run) -> str:
    """What an adaptive loss does, in symbols; "" of a loss of another kind."""
    if run.spec.kind != "adaptive":
        return ""
    from mln.law import law

    return "; ".join(exponent.formula for exponent in law(run.spec, run.genome))


def gain_rows(
    study: str, kind: str, slot: int, params: Params, outcome: TrialOutcome | None
) -> list[Row]:
    """The rows of mln_gains (bench.store.schema.gains); no outcome has none."""
    return [
        {
            "study": study,
            "slot": slot,
            "seed": run.seed,
            "family": judged.family,
            "kind": kind,
            "settings": params,
            "gain": float(judged.gains.mean()),
            "tasks": len(judged.gains),
            "diverged": judged.diverged,
            "member_steps": run.member_steps,
        }
        for run in (outcome.runs if outcome else ())
        for judged in run.gains
    ]


def _upload(
    trial: Trial, outcome: TrialOutcome, experiment: Experiment, study: StudyBase, artifacts: Path
) -> None:
    store = artifact_store(artifacts)
    with tempfile.TemporaryDirectory() as folder:
        for path in _files(Path(folder), trial, outcome, experiment, study):
            upload_artifact(artifact_store=store, file_path=str(path), study_or_trial=trial)


def _files(
    folder: Path, trial: Trial, outcome: TrialOutcome, experiment: Experiment, study: StudyBase
) -> list[Path]:
    from bench.cells.loss_ref import LossRef, reference
    from mln.files import save_loss
    from mln.shape import CLASSES, shape
    from studies.dashboard.curves import learning_curves
    from studies.dashboard.gallery import Caption, draw

    runs, first = outcome.runs, outcome.runs[0]
    picture, table = folder / "trial.png", folder / "seeds.csv"
    genome = tuple(float(gene) for gene in first.genome)
    losses = [LossRef("evolved", "mln", None, first.spec, genome), reference("ce", first.spec)]
    classes = first.spec.classes or CLASSES
    shapes = [c for ref in losses for c in shape(ref.name, ref.stacked(1, classes, "cpu"), classes)]
    stopped = ", stopped early" if outcome.is_pruned else ""
    is_screen = isinstance(study, ScreenStudy)
    name = trial_name(space_of(experiment), trial.params)
    draw(
        picture,
        Caption(
            f"Trial {trial.number} ({name}): {100 * outcome.value:+.2f} points over tuned CE"
            f"{stopped}",
            law_text(first),
        ),
        runs,
        learning_curves(experiment, study, first),
        shapes,
        regime_gains(outcome.families),
        list(zip(outcome.steps, outcome.values, strict=True)) if is_screen else (),
    )
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["evolution_seed", "family", "task", "gain"])
        for run in runs:
            for judged in run.gains:
                for task, gain in zip(judged.tasks, judged.gains, strict=True):
                    writer.writerow([run.seed, judged.family, task, f"{gain:.6f}"])
    files = [picture, table]
    for run in runs:
        name = "loss.safetensors" if len(runs) == 1 else f"loss-seed-{run.seed}.safetensors"
        notes = {"experiment": experiment.name, "study": study.name, "trial": trial.number}
        save_loss(folder / name, run.spec, run.genome, notes)
        files.append(folder / name)
    return files
