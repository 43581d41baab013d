"""A database behind a URL: opened, and used in transactions that outlast a server's restart."""

import os
import sqlite3
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Inspector, MetaData, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
)
from sqlalchemy.schema import CreateIndex, CreateTable

from bench.errors import InputError, Unavailable

T = TypeVar("T")

BUSY_TIMEOUT_MS = 60_000
RETRY_SECONDS = 60.0
"""How long a server may be away, as while it restarts, before a command gives up."""
PAUSE_SECONDS = 0.5
CREATION_LOCK = 0x6D6C6E
"""PostgreSQL's advisory lock under which tables are made."""


def transact(engine: Engine, action: Callable[[Connection], T]) -> T:
    """Run an action in one transaction. It is run again where the server was lost: it must be one
    that may be repeated.

    Raises Unavailable where the database stays away, is full, locked or read-only.
    """
    deadline = time.monotonic() + RETRY_SECONDS
    while True:
        try:
            with engine.begin() as connection:
                return action(connection)
        except DBAPIError as error:
            lost = isinstance(error, OperationalError | InterfaceError)
            server = engine.dialect.name != "sqlite"
            if not (lost and server and time.monotonic() < deadline):
                raise _unavailable(engine, error) from error
            time.sleep(PAUSE_SECONDS)


def make_tables(connection: Connection, metadata: MetaData) -> None:
    """Make the tables that are missing; other processes may do the same at the same time.

    All of them or, where the disk is full or the process is killed, none.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"select pg_advisory_xact_lock({CREATION_LOCK})"))
    elif not connection.connection.dbapi_connection.in_transaction:  # type: ignore[union-attr]
        # Python's sqlite3 begins a transaction before an insertion, but not before this.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    for table in metadata.sorted_tables:
        connection.execute(CreateTable(table, if_not_exists=True))
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            connection.execute(CreateIndex(index, if_not_exists=True))


def inspector(connection: Connection) -> Inspector:
    """What the database holds."""
    tables: Inspector = inspect(connection)
    return tables


def _unavailable(engine: Engine, error: DBAPIError) -> Unavailable:
    said = reason(error)
    url = engine.url.render_as_string(hide_password=True)
    if engine.dialect.name != "sqlite":
        return Unavailable(f"storage {url}: {said}; when it is back, the same command continues")
    if "locked" in said:
        remedy = (
            f"another process has held it for {BUSY_TIMEOUT_MS // 1000} s; end that one "
            "(`mln-bench doctor` tells more)"
        )
    elif "full" in said:
        remedy = "make room on the disk"
    elif "I/O" in said:
        remedy = "the disk is full or failing: repair that"
    elif "unable to open" in said and _has_journal(Path(engine.url.database or "")):
        remedy = "copy the file and its -wal to a folder that can be written"
    elif "readonly" in said:
        remedy = "make the file and its folder writable"
    else:
        remedy = "remove the cause"
    return Unavailable(f"storage {url}: {said}; {remedy}, and the same command continues")


def open_engine(url: str, *, create: bool) -> Engine:
    """The engine of a URL. Raises InputError where that cannot be one of a store.

    create: whether the file of an SQLite database may be created, with its folder.
    """
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
        if backend not in ("sqlite", "postgresql"):
            raise InputError(
                f"storage {public_url(url)}: {backend} is not supported; "
                "use sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME"
            )
        if backend == "sqlite":
            _refuse_options(url)
            file = _prepare_file(url, parsed.database, create)
            if not create and _is_read_only(file):
                return create_engine(parsed, creator=partial(_read_only, file))
        engine = create_engine(parsed)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise InputError(
            f"storage {public_url(url)}: {reason(error)}; "
            "use sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME"
        ) from error
    if backend == "sqlite":
        event.listen(engine, "connect", sqlite_pragmas)
    return engine


def _is_read_only(file: Path) -> bool:
    return not all(os.access(place, os.W_OK) for place in (file, file.absolute().parent))


def _read_only(file: Path) -> sqlite3.Connection:
    """A connection that writes nothing, neither to the file nor beside it.

    SQLite makes files beside one in WAL mode even to read it, unless it is told that nobody writes
    to it; with a journal that is not empty, somebody did, and its files must be there.
    """
    alone = "" if _has_journal(file) else "&immutable=1"
    uri = f"{file.absolute().as_uri()}?mode=ro{alone}"
    connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    return connection


def _refuse_options(url: str) -> None:
    """What follows a ? would not be a part of the file's name, which lay elsewhere in silence."""
    if "?" in url:
        raise InputError(
            f"storage {url}: a file's URL takes no options; write a ? in its name as %3F"
        )


def _has_journal(file: Path) -> bool:
    journal = file.with_name(f"{file.name}-wal")
    return journal.exists() and journal.stat().st_size > 0


def _prepare_file(url: str, database: str | None, create: bool) -> Path:
    if not database or database == ":memory:":
        raise InputError(f"storage {url}: results need a file; use sqlite:///FILE")
    path = Path(database)
    if not create and not (path.exists() and path.stat().st_size):
        raise InputError(f"storage {url}: no such file; check --storage, or run an experiment")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"storage {url}: cannot make its folder: {error.strerror}") from error
    return path


def sqlite_pragmas(connection: Any, _record: Any) -> None:
    """Set up a new SQLite connection for several processes on one file."""
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.close()


def public_url(url: str) -> str:
    """The URL without its password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return url


def reason(error: Exception) -> str:
    """What a database's error says, on one line."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    return str(cause).strip().splitlines()[0]
