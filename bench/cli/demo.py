"""The verb `demo`: the whole loop on small tasks."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.commands import command_line
from bench.cli.console import print_errors
from bench.cli.options import (
    ARTIFACTS,
    ArtifactsOption,
    DataRootOption,
    JobsOption,
    JsonOption,
    SetOption,
    StorageOption,
)
from bench.cli.report_output import print_significance, significance_report
from bench.cli.settings import resolved_settings, tune_settings
from bench.files import require_writable
from bench.store.url import DEFAULT_URL

FOLDER = Path("runs/demo")


def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="folder of the report")] = FOLDER,
    seed: Annotated[int | None, typer.Option(min=0, help="root seed")] = None,
    overrides: SetOption = None,
    storage: StorageOption = DEFAULT_URL,
    data_root: DataRootOption = None,
    artifacts: ArtifactsOption = ARTIFACTS,
    jobs: JobsOption = None,
    as_json: JsonOption = False,
) -> None:
    """The whole loop: study, evolution, benchmark and report; a minute or two, offline."""
    from bench.experiment.checks import load_checked
    from bench.running.session import run_all
    from bench.store.store import Store

    chosen = [*(overrides or []), *([f"seed={seed}"] if seed is not None else [])]
    experiment = load_checked("demo", chosen, data_root)
    require_writable(out)
    tune_settings(experiment, storage, artifacts, jobs)
    resolved = resolved_settings(experiment, storage)
    cells = run_all(resolved, storage, artifacts, jobs, on_errors=print_errors).cells
    store = Store(storage, create=False)
    commands = [command_line("demo", overrides=chosen)]
    print_significance(significance_report(store, [resolved], out, commands), as_json)
    if not as_json:
        typer.echo(f"Review the study:  {command_line('dashboard', storage=storage)}")
    raise typer.Exit(1 if cells.failed or cells.missing else 0)
