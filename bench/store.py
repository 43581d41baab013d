"""Results in one SQL database: evolved losses, tuning runs, benchmark cells and study trials.

All tables are named `mln_...`, so that they live beside Optuna's in the same database. A row is
addressed by a key that its configuration determines; writing the same key twice keeps the first.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, inspect, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from bench.errors import InputError
from bench.tables import (
    cells,
    choices,
    evolutions,
    experiments,
    gains,
    grid,
    importances,
    learners,
    metadata,
    schema_table,
    slots,
    studies,
    trials,
    tunings,
)

__all__ = [
    "Row",
    "Store",
    "cells",
    "choices",
    "evolutions",
    "experiments",
    "gains",
    "grid",
    "importances",
    "learners",
    "metadata",
    "public_url",
    "schema_table",
    "slots",
    "sqlite_pragmas",
    "studies",
    "trials",
    "tunings",
]

SCHEMA_VERSION = 1
BUSY_TIMEOUT_MS = 60_000

Row = dict[str, Any]


class Store:
    """A database of results behind one URL.

    Raises InputError where the URL cannot be used or the database has another schema.
    """

    def __init__(self, url: str, *, create: bool = True) -> None:
        self.url = url
        self.engine = _engine(url, create=create)
        try:
            self._prepare(create)
        except SQLAlchemyError as error:
            self.close()
            raise InputError(f"storage {public_url(url)}: {_reason(error)}") from error
        except InputError:
            self.close()
            raise

    def _prepare(self, create: bool) -> None:
        tables = inspect(self.engine).get_table_names()
        if "mln_schema" not in tables:
            if not create:
                raise InputError(
                    f"storage {public_url(self.url)}: holds no MLN-Bench results; "
                    "check --storage, or run an experiment first"
                )
            metadata.create_all(self.engine)
            self.put(schema_table, [{"version": SCHEMA_VERSION}])
        elif create:
            # Tables younger than a database are added to it when it is written to.
            metadata.create_all(self.engine)
        with self.engine.connect() as connection:
            versions = [row.version for row in connection.execute(select(schema_table))]
        if versions != [SCHEMA_VERSION]:
            raise InputError(
                f"storage {public_url(self.url)}: schema version {versions}, this MLN-Bench reads "
                f"version {SCHEMA_VERSION}; use the version that wrote it or another database"
            )

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection whose writes are committed together."""
        with self.engine.begin() as connection:
            yield connection

    def put(self, table: Table, rows: Sequence[Row], *, replace: bool = False) -> None:
        """Insert rows in one transaction.

        A row whose primary key exists is kept as it was, or overwritten with `replace`.
        """
        if not rows:
            return
        insert = postgresql.insert if self.engine.dialect.name == "postgresql" else sqlite.insert
        statement: Any = insert(table)
        keys = [column.name for column in table.primary_key]
        others = [column.name for column in table.columns if column.name not in keys]
        if replace and others:
            statement = statement.on_conflict_do_update(
                index_elements=keys,
                set_={name: statement.excluded[name] for name in others},
            )
        else:
            statement = statement.on_conflict_do_nothing(index_elements=keys)
        with self.transaction() as connection:
            connection.execute(statement, list(rows))

    def rows(self, table: Table, **equal: Any) -> list[Row]:
        """All rows of a table whose columns have the given values, in the order of its key."""
        statement = select(table).order_by(*table.primary_key.columns)
        for name, value in equal.items():
            statement = statement.where(table.c[name] == value)
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(statement).mappings()]

    def rows_of(self, table: Table, keys: Iterable[str]) -> dict[str, Row]:
        """Rows by their `key`, for those of `keys` that exist."""
        found: dict[str, Row] = {}
        for batch in _batches(sorted(set(keys)), 500):
            statement = select(table).where(table.c.key.in_(batch))
            with self.engine.connect() as connection:
                found.update(
                    (row["key"], dict(row)) for row in connection.execute(statement).mappings()
                )
        return found

    def existing(self, table: Table, keys: Iterable[str]) -> set[str]:
        """Those of `keys` that the table holds."""
        found: set[str] = set()
        for batch in _batches(sorted(set(keys)), 500):
            statement = select(table.c.key).where(table.c.key.in_(batch))
            with self.engine.connect() as connection:
                found.update(connection.execute(statement).scalars())
        return found

    def close(self) -> None:
        """Give up the database connections."""
        self.engine.dispose()


def _batches(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _engine(url: str, *, create: bool) -> Engine:
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
        if backend not in ("sqlite", "postgresql"):
            raise InputError(
                f"storage {public_url(url)}: {backend} is not supported; "
                "use sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME"
            )
        if backend == "sqlite":
            _prepare_file(url, parsed.database, create)
        engine = create_engine(parsed)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise InputError(
            f"storage {public_url(url)}: {_reason(error)}; "
            "use sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME"
        ) from error
    if backend == "sqlite":
        event.listen(engine, "connect", sqlite_pragmas)
    return engine


def _prepare_file(url: str, database: str | None, create: bool) -> None:
    if not database or database == ":memory:":
        raise InputError(f"storage {url}: results need a file; use sqlite:///FILE")
    path = Path(database)
    if not create and not (path.exists() and path.stat().st_size):
        raise InputError(f"storage {url}: no such file; check --storage, or run an experiment")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"storage {url}: cannot make its folder: {error.strerror}") from error


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


def _reason(error: Exception) -> str:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    return str(cause).strip().splitlines()[0]
