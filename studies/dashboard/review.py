"""Review studies in the Optuna dashboard."""

from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any, NamedTuple
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import optuna_dashboard

from bench.errors import InputError
from studies.records import artifact_store
from studies.storage import opened, refuse_without_studies


class Serving(NamedTuple):
    """Where the dashboard can be seen, and a caution to be shown (empty on loopback)."""

    url: str
    caution: str


def launch_dashboard(
    url: str,
    artifacts: Path,
    host: str = "127.0.0.1",
    port: int = 8080,
    *,
    on_ready: Callable[[Serving], None],
) -> None:
    """Serve the dashboard of the studies at a storage URL, with the files in the folder of
    artifacts, until interrupted.

    `on_ready` is told the address once the port is bound; port 0 takes a free one. Nothing is
    printed.

    Raises:
        InputError: the storage has no study (no file is made), or the port cannot be bound.
    """
    refuse_without_studies(url)
    with opened(url) as storage:
        application = optuna_dashboard.wsgi(storage, artifact_store=artifact_store(artifacts))
        server = _listening(host, port, application)
        try:
            on_ready(Serving(f"http://{host}:{server.server_port}/dashboard", caution(host)))
            server.serve_forever()
        finally:
            server.server_close()


def _listening(host: str, port: int, application: Any) -> WSGIServer:
    try:
        return make_server(
            host, port, application, server_class=_Server, handler_class=_QuietHandler
        )
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no such port"
        raise InputError(
            f"dashboard: cannot listen on {host}:{port}: {reason}; choose another --port or --host"
        ) from error


def caution(host: str) -> str:
    """What to warn of when listening on `host`; empty for this machine alone."""
    try:
        is_loopback = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if is_loopback:
        return ""
    return (
        f"{host} is not loopback: the dashboard has no authentication, and whoever reaches it can "
        "change or delete studies"
    )


class _Server(ThreadingMixIn, WSGIServer):
    """A thread per connection: a browser opens some that it does not use at once."""

    daemon_threads = True


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Log no requests."""
