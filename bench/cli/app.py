"""The command line. Only this and bench/cli_*.py know both the benchmark and what builds on it.

Heavy libraries are imported within the commands, so that `--help` is quick.
"""

import signal
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from bench.cli.console import (
    copy_loss,
    note,
    print_errors,
    print_rows,
    reproducing_commands,
    storage_flag,
)
from bench.cli.download import download
from bench.cli.explain import explain
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
from bench.cli.report import compare, print_report, report
from bench.cli.speed import speed
from bench.cli.status import doctor, status
from bench.cli.study import ablate, dashboard, resolved_settings, study, tune_settings
from bench.errors import InputError, Unavailable
from bench.files import require_writable
from bench.store.url import DEFAULT_URL

if TYPE_CHECKING:
    from bench.experiment.model import Experiment
    from reports.significance.report import Report

INTERRUPTED = 130
LEARNERS_TITLE = (
    "Co-evolved learners on test beside cross-entropy's of the same age: paired gain +- half of "
    "its 95 % t interval"
)

app = typer.Typer(
    name="mln-bench",
    help="Evolve loss functions and find out, honestly, whether they are any good.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="folder of the report")] = Path(
        "runs/demo"
    ),
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

    chosen = [*(overrides or []), *([f"seed={seed}"] if seed is not None else [])]
    experiment = load_checked("demo", chosen, data_root)
    require_writable(out)
    tune_settings(experiment, storage, artifacts, jobs)
    resolved = resolved_settings(experiment, storage)
    cells = run_all(resolved, storage, artifacts, jobs, on_errors=print_errors).cells
    written = _report(resolved, storage, out, reproducing_commands("demo", chosen))
    print_report(written, as_json)
    if not as_json:
        typer.echo("Review the study:  mln-bench dashboard" + storage_flag(storage))
    raise typer.Exit(1 if cells.failed or cells.missing else 0)


@app.command()
def evolve(
    experiment: ExperimentArgument,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="copy of the evolved loss")
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
    from bench.running.session import running

    resolved = resolved_settings(load_checked(experiment, overrides or (), data_root), storage)
    if resolved.evolution is None:
        raise InputError(f"experiment {resolved.name}: has no [evolution] section")
    if out is not None and out.is_dir():
        raise InputError(f"--out {out}: is a folder; name a file")
    if out is not None:
        require_writable(out.parent)
    with running(resolved, storage, artifacts, jobs, dask) as runner:
        rows = runner.evolve()
        errors = runner.errors
        found = [
            {
                "loss": row["loss"],
                "gain_last_generation": row["fitness"],
                "member_steps": row["member_steps"],
                "seconds": round(row["seconds"], 1),
                "file": str(copy_loss(runner.loss_path(row), out, row["run"], len(rows))),
            }
            for row in rows
        ]
    title = "Evolved losses: mean gain over CE in the last generation (fraction; nats for nll)"
    print_rows(found, as_json, title)
    print_errors(errors)
    raise typer.Exit(1 if errors else 0)


@app.command()
def run(
    experiment: ExperimentArgument,
    overrides: SetOption = None,
    storage: StorageOption = DEFAULT_URL,
    data_root: DataRootOption = None,
    artifacts: ArtifactsOption = ARTIFACTS,
    jobs: JobsOption = None,
    dask: DaskOption = None,
    as_json: JsonOption = False,
) -> None:
    """Benchmark: evolve what is missing, tune, and train every cell that is not done."""
    from bench.experiment.checks import load_checked
    from bench.running.session import run_all
    from reports.verdicts.prospects import prospects

    loaded = load_checked(experiment, overrides or (), data_root)
    if loaded.benchmark is None:
        raise InputError(f"experiment {loaded.name}: has no [benchmark] section")
    note(prospects(loaded))
    resolved = resolved_settings(loaded, storage)
    cells, learners = run_all(resolved, storage, artifacts, jobs, dask, print_errors)
    count = cells._asdict() | ({"learners": learners} if as_json and learners else {})
    print_rows([count], as_json, "Cells (both learning-rate policies)")
    if learners and not as_json:
        print_rows(learners, False, LEARNERS_TITLE)
    if not as_json and not cells.failed and not cells.missing:
        report_command = reproducing_commands(f"run {experiment}", overrides or ())[1]
        typer.echo(f"Next:  {report_command}" + storage_flag(storage))
    raise typer.Exit(1 if cells.failed or cells.missing else 0)


app.command()(status)
app.command()(doctor)
app.command()(report)
app.command()(compare)
app.command()(study)
app.command()(ablate)
app.command()(dashboard)
app.command()(explain)
app.command()(speed)
app.command()(download)


@app.command("list")
def list_names(
    what: Annotated[str, typer.Argument(metavar="tasks|regimes|losses|learners|experiments")],
    plugin: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="list what a plug-in adds, too")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List what an experiment can name."""
    from bench.catalogue import plugins
    from bench.cli.listing import listing

    plugins.load_files(plugin or ())
    print_rows(listing(what), as_json, what.capitalize())


def main() -> None:
    """Entry point: bad input is one line and exit code 2, an interrupt exit code 130."""
    from typer.exceptions import Abort, TyperException

    from mln.kernels.native.build import BuildError

    # A polite end is an interrupt: the workers are ended, and what is stored stays.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        code = app(standalone_mode=False)
    except InputError as error:
        _fail(str(error))
    except (Unavailable, BuildError) as error:
        _fail(str(error), 1)
    except TyperException as error:
        _fail(error.format_message())
    except (KeyboardInterrupt, Abort):
        code = INTERRUPTED
    if code == INTERRUPTED:
        typer.echo("interrupted; the same command continues", err=True)
    sys.exit(code)


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _fail(message: str, code: int = 2) -> NoReturn:
    typer.echo(f"error: {message}", err=True)
    sys.exit(code)


def _report(experiment: "Experiment", storage: str, out: Path, commands: list[str]) -> "Report":
    from bench.store.store import Store
    from reports.page.drawing import default_artists
    from reports.significance.report import write_report

    store = Store(storage, create=False)
    return write_report(store, experiment, out, commands, workers=default_artists())
