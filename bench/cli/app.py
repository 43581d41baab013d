"""The command line: all verbs, and how a command ends.

The files of this folder are the only ones that know both the benchmark and what builds on it. Each
verb imports heavy libraries within its function, so that `--help` is quick.
"""

import os
import signal
import sys
from collections.abc import Callable
from errno import EACCES, EDQUOT, EIO, ENAMETOOLONG, ENOSPC, ENOTDIR, EPERM, EROFS
from types import FrameType
from typing import Annotated, NoReturn

import typer

from bench.cli.ablate import ablate
from bench.cli.compare import compare
from bench.cli.dashboard import dashboard
from bench.cli.data import data
from bench.cli.demo import demo
from bench.cli.doctor import doctor
from bench.cli.download import download
from bench.cli.evolve import evolve
from bench.cli.explain import explain
from bench.cli.list import list_names
from bench.cli.merge import merge
from bench.cli.new import new
from bench.cli.probe import probe
from bench.cli.report import report
from bench.cli.run import run
from bench.cli.show import show
from bench.cli.speed import speed
from bench.cli.status import status
from bench.cli.study import study
from bench.errors import InputError, Unavailable
from mln.cache_folder import cache_folder, homeless

OF_THE_PLACE = (ENOSPC, EDQUOT, EACCES, EPERM, EROFS, EIO, ENAMETOOLONG, ENOTDIR)
"""Errors that are the disk's, its rights or its names', wherever a command meets them."""

FAILED = 1
BAD_INPUT = 2
INTERRUPTED = 130

VERBS: tuple[Callable[..., None], ...] = (
    demo,
    new,
    show,
    data,
    probe,
    evolve,
    run,
    status,
    doctor,
    report,
    compare,
    merge,
    study,
    ablate,
    dashboard,
    explain,
    speed,
    download,
)
"""In the order of `--help`; `list` follows."""

app = typer.Typer(
    name="mln-bench",
    help="Evolve loss functions and find out, honestly, whether they are any good.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"mln-bench {version('mln-bench')}")
        raise typer.Exit


@app.callback()
def _every_command(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_show_version, help="print the version and exit"
        ),
    ] = False,
) -> None: ...


for verb in VERBS:
    app.command()(verb)
app.command("list")(list_names)


def main() -> None:
    """Entry point: bad input is one line and exit code 2, an interrupt exit code 130."""
    from typer.exceptions import Abort, TyperException

    from mln.kernels.engine import CannotTrain
    from mln.kernels.native.build import BuildError

    _open_closed_streams()
    _place_matplotlib()
    # SIGTERM is an interrupt: the workers are ended, and what is stored stays.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        code = app(standalone_mode=False)
    except (InputError, CannotTrain) as error:
        _fail(str(error), BAD_INPUT)
    except (Unavailable, BuildError) as error:
        _fail(str(error), FAILED)
    except TyperException as error:
        if not error.format_message():  # no command was given, and the help is printed
            sys.exit(0)
        _fail(error.format_message(), BAD_INPUT)
    except (KeyboardInterrupt, Abort):
        code = INTERRUPTED
    except BrokenPipeError:  # as by `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = FAILED
    except OSError as error:
        if error.errno not in OF_THE_PLACE:
            raise
        _fail(f"{error.filename or 'standard output'}: {error.strerror}", FAILED)
    if code == INTERRUPTED:
        typer.echo("interrupted; the same command continues", err=True)
    sys.exit(code)


def _open_closed_streams() -> None:
    """Where a shell closed a standard stream, as by `>&-`; a file opened later would become it."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number, inheritable=True)
                os.close(opened)
        if getattr(sys, name) is None:
            mode = "r" if number == 0 else "w"
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115


def _place_matplotlib() -> None:
    """Where it cannot write in its own folder, each process that draws would say so."""
    if "MPLCONFIGDIR" not in os.environ and homeless():
        os.environ["MPLCONFIGDIR"] = str(cache_folder("matplotlib"))


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _fail(message: str, code: int) -> NoReturn:
    typer.echo(f"error: {message}", err=True)
    sys.exit(code)
