"""The verb `dashboard`: studies in a browser."""

from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.options import ARTIFACTS, ArtifactsOption, StorageOption
from bench.store.url import DEFAULT_URL

if TYPE_CHECKING:
    from studies.dashboard.review import Serving


def dashboard(
    storage: StorageOption = DEFAULT_URL,
    artifacts: ArtifactsOption = ARTIFACTS,
    host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8080,
) -> None:
    """Open the storage's studies in optuna-dashboard; it has no authentication."""
    from studies.dashboard.review import launch_dashboard

    launch_dashboard(storage, artifacts, host, port, on_ready=_print_address)


def _print_address(serving: "Serving") -> None:
    if serving.caution:
        typer.echo(f"warning: {serving.caution}", err=True)
    typer.echo(f"The dashboard is at {serving.url} (Ctrl-C ends it)")
