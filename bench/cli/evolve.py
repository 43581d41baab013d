"""The verb `evolve`: the losses of an experiment."""

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.cli.commands import after_evolve, command_line
from bench.cli.console import print_errors, print_notes, print_rows
from bench.cli.options import (
    ARTIFACTS,
    ArtifactsOption,
    DaskOption,
    DataRootOption,
    ExperimentArgument,
    JobsOption,
    JsonOption,
    SetOption,
    StorageOption,
)
from bench.cli.settings import resolved_settings
from bench.errors import InputError
from bench.files import require_writable
from bench.store.url import DEFAULT_URL

if TYPE_CHECKING:
    from studies.gain_text import GainUnit


def evolve(
    experiment: ExperimentArgument,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="copy of the evolved loss")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="LOSS",
            help="go on from an evolved loss: a file, or pretrained:NAME",
        ),
    ] = None,
    overrides: SetOption = None,
    storage: StorageOption = DEFAULT_URL,
    data_root: DataRootOption = None,
    artifacts: ArtifactsOption = ARTIFACTS,
    jobs: JobsOption = None,
    dask: DaskOption = None,
    as_json: JsonOption = False,
) -> None:
    """Evolve the experiment's losses; those in the storage are not evolved again."""
    from bench.experiment.checks import load_checked
    from bench.running.evolution import notes_of, validation_of
    from bench.running.session import running
    from studies.gain_text import gain_unit

    chosen = [*(overrides or []), *([] if start is None else [_starting(start)])]
    resolved = resolved_settings(load_checked(experiment, chosen, data_root), storage)
    if resolved.evolution is None:
        raise InputError(f"experiment {resolved.name}: has no [evolution] section")
    if out is not None and out.is_dir():
        raise InputError(f"--out {out}: is a folder; name a file")
    if out is not None:
        require_writable(out.parent)
    with running(resolved, storage, artifacts, jobs, dask) as runner:
        rows = runner.evolve()
        errors = runner.errors
        evolved = [
            {
                "loss": row["loss"],
                "gain_last_generation": row["fitness"],
                **_validated(validation_of(row)),
                "member_steps": row["member_steps"],
                "seconds": round(row["seconds"], 1),
                "file": str(_copied(runner.loss_path(row), out, row["run"], len(rows))),
            }
            for row in rows
        ]
    unit = gain_unit(resolved)
    title = f"Evolved losses: mean gain over CE in the last generation ({unit.name})"
    print_rows(evolved if as_json else _in_units(unit, evolved), as_json, title)
    print_notes(notes_of(resolved.evolution, rows))
    print_errors(errors)
    if evolved and not errors and not as_json:
        best = max(evolved, key=lambda row: row.get("validation_gain", row["gain_last_generation"]))
        file = Path(best["file"])
        typer.echo(f"Its law:  {command_line('explain', str(file))}")
        following = after_evolve(resolved, experiment, chosen, file.absolute(), storage)
        typer.echo(f"Next:  {following}")
    raise typer.Exit(1 if errors else 0)


def _starting(loss: str) -> str:
    """The override that says what evolution starts from; a path is that of the working folder."""
    from bench.experiment.saved_losses import FILE, is_saved

    name = loss if is_saved(loss) else f"{FILE}{loss}"
    if name.startswith(FILE):
        name = f"{FILE}{Path(name.removeprefix(FILE)).absolute()}"
    return f"evolution.start_from={json.dumps(name, ensure_ascii=False)}"


def _in_units(unit: "GainUnit", rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows for a reader: gains in points or nats."""
    gains = ("gain_last_generation", "validation_gain", "validation_low", "validation_high")
    return [row | {name: unit.number(row[name]) for name in gains if name in row} for row in rows]


def _validated(found: dict[str, Any] | None) -> dict[str, Any]:
    """The columns of a validation, where there was one."""
    if found is None:
        return {}
    return {f"validation_{name}": found[name] for name in ("gain", "low", "high", "improved")}


def _copied(loss: Path, out: Path | None, run: int, runs: int) -> Path:
    """A loss file, or its copy where one is asked for; several runs get a number each."""
    if out is None:
        return loss
    target = out if runs == 1 else out.with_stem(f"{out.stem}-{run + 1}")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(loss, target)
    return target
