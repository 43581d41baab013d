"""A real PostgreSQL for the tests: started as an unprivileged user, on loopback, in its own folder.

`postgres_url` is a new, empty database; `postgres_server` can also be killed and started again.
Skipped, with the reason, only where the programs are absent.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

START_SECONDS = 60


def program(name: str) -> str | None:
    """Where a program of PostgreSQL lies: on the PATH or where Debian puts it."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return shutil.which(name) or next(
        (str(place / name) for place in places if (place / name).exists()), None
    )


def unprivileged() -> dict[str, str]:
    """Arguments of subprocess for a user that the server runs for: root is refused."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name for entry in pwd.getpwall()}
    return {"user": "postgres" if "postgres" in names else "nobody"}


class PostgresServer:
    """A server on a free port of loopback; its data lies in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "data"
        self.process: subprocess.Popen[bytes] | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        initdb = [str(program("initdb")), "-D", str(self.data), "-A", "trust", "-U", "mln"]
        subprocess.run(
            [*initdb, "--no-sync"], check=True, capture_output=True, cwd=folder, **unprivileged()
        )

    def url(self, database: str = "postgres") -> str:
        """The address of one of its databases."""
        return f"postgresql+psycopg://mln@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        command = [str(program("postgres")), "-D", str(self.data), "-p", str(self.port)]
        # A killed server loses no write that the system has: only a power cut would need fsync.
        settings = ("listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off")
        command += [word for setting in settings for word in ("-c", setting)]
        engine = create_engine(self.url())
        for _ in range(START_SECONDS * 10):
            # It ends at once while children of a killed one hold its memory.
            if self.process is None or self.process.poll() is not None:
                with (self.folder / "log").open("ab") as log:
                    self.process = subprocess.Popen(
                        command, stdout=log, stderr=log, cwd=self.folder, **unprivileged()
                    )
            try:
                engine.connect().close()
                break
            except OperationalError:
                time.sleep(0.1)
        else:
            raise RuntimeError((self.folder / "log").read_text()[-2000:])
        engine.dispose()

    def stop(self, how: int = signal.SIGINT) -> None:
        """End it: SIGINT is a fast, clean end; SIGKILL leaves it to recover at the next start."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait()
            self.process = None

    def new_database(self) -> str:
        """The address of a new, empty database."""
        name = f"t{uuid4().hex}"
        engine = create_engine(self.url(), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"create database {name}"))
        engine.dispose()
        return self.url(name)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A running server, one for all tests of a process."""
    absent = [name for name in ("initdb", "postgres") if program(name) is None]
    if absent:
        pytest.skip(f"PostgreSQL is not installed here: no program {absent[0]}")
    folder = Path(tempfile.mkdtemp(prefix="mln-postgres-"))
    try:
        if user := unprivileged().get("user"):
            shutil.chown(folder, user)
        server = PostgresServer(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> str:
    """A new, empty database."""
    return postgres_server.new_database()
