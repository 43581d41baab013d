"""Results in one SQL database: evolved losses, benchmark cells and study trials.

All tables are named `mln_...`, so that they live beside Optuna's in the same database. A row is
addressed by a key that its configuration determines; writing the same key twice keeps the first.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from bench.errors import InputError, Unavailable
from bench.store.database import (
    BUSY_TIMEOUT_MS,
    inspector,
    make_tables,
    open_engine,
    public_url,
    reason,
    sqlite_pragmas,
    transact,
)
from bench.store.schema import (
    cells,
    evolutions,
    experiments,
    gains,
    importances,
    learners,
    metadata,
    schema_table,
    slots,
    studies,
    trials,
    units,
)

__all__ = [
    "BUSY_TIMEOUT_MS",
    "Row",
    "Store",
    "cells",
    "evolutions",
    "experiments",
    "gains",
    "importances",
    "learners",
    "metadata",
    "public_url",
    "schema_table",
    "slots",
    "sqlite_pragmas",
    "studies",
    "trials",
    "units",
]

SCHEMA_VERSION = 2

Row = dict[str, Any]


class Store:
    """A database of results behind one URL.

    Raises InputError where the URL cannot be used or the database has another schema. All else
    raises Unavailable where the database fails; a server that restarts is waited for.
    """

    def __init__(self, url: str, *, create: bool = True) -> None:
        self.url = url
        self.engine = open_engine(url, create=create)
        try:
            # A server that is not there now was named wrongly, or has to be started.
            self.engine.connect().close()
            transact(self.engine, lambda connection: self._prepare(connection, create))
        except Unavailable as error:
            self.close()
            raise InputError(str(error)) from error
        except SQLAlchemyError as error:
            self.close()
            raise InputError(f"storage {public_url(url)}: {reason(error)}") from error
        except InputError:
            self.close()
            raise

    def _prepare(self, connection: Connection, create: bool) -> None:
        """Check the schema's version, and then add what is missing, if anything may be written."""
        tables = set(inspector(connection).get_table_names())
        # Without a version, a process ended while it made the tables: nothing is in them.
        versions = self._versions(connection) if "mln_schema" in tables else []
        if versions:
            self._check(versions)
        elif not create:
            raise InputError(
                f"storage {public_url(self.url)}: holds no MLN-Bench results; "
                "check --storage, or run an experiment first"
            )
        # Tables younger than a database are added to it when it is written to.
        if create and not (versions and tables.issuperset(metadata.tables)):
            make_tables(connection, metadata)
            version = {"version": SCHEMA_VERSION}
            connection.execute(self._insert(schema_table).on_conflict_do_nothing(), [version])
            self._check(self._versions(connection))

    @staticmethod
    def _versions(connection: Connection) -> list[int]:
        return sorted(connection.execute(select(schema_table.c.version)).scalars())

    def _check(self, versions: list[int]) -> None:
        if versions != [SCHEMA_VERSION]:
            stored = ", ".join(map(str, versions))
            age = "a later" if versions[-1] > SCHEMA_VERSION else "an earlier"
            raise InputError(
                f"storage {public_url(self.url)}: has schema version {stored}, written by {age} "
                f"version of MLN-Bench; this one reads schema version {SCHEMA_VERSION}. Nothing "
                "was changed: use the MLN-Bench that wrote it, or another --storage"
            )

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection whose writes are committed together."""
        with self.engine.begin() as connection:
            yield connection

    def put(
        self, table: Table, rows: Sequence[Row], *, replace: bool | ColumnElement[bool] = False
    ) -> None:
        """Insert rows in one transaction.

        A row whose primary key exists is kept as it was, or overwritten with `replace`; where that
        is a condition on the stored row, if it holds.
        """
        if not rows:
            return
        statement: Any = self._insert(table)
        keys = [column.name for column in table.primary_key]
        others = [column.name for column in table.columns if column.name not in keys]
        if replace is not False and others:
            statement = statement.on_conflict_do_update(
                index_elements=keys,
                set_={name: statement.excluded[name] for name in others},
                where=None if replace is True else replace,
            )
        else:
            statement = statement.on_conflict_do_nothing(index_elements=keys)
        # In the order of the key: two writers of the same rows never wait for each other.
        ordered = sorted(rows, key=lambda row: [row[name] for name in keys])
        transact(self.engine, lambda connection: connection.execute(statement, ordered))

    def _insert(self, table: Table) -> Any:
        dialect = postgresql if self.engine.dialect.name == "postgresql" else sqlite
        return dialect.insert(table)

    def query(self, statement: Select[Any]) -> list[Row]:
        """The rows that a statement selects."""
        return transact(
            self.engine,
            lambda connection: [dict(row) for row in connection.execute(statement).mappings()],
        )

    def tuples(self, statement: Select[Any]) -> set[tuple[Any, ...]]:
        """The distinct rows that a statement selects, where there are very many."""
        return transact(
            self.engine, lambda connection: set(map(tuple, connection.execute(statement)))
        )

    def rows(self, table: Table, **equal: Any) -> list[Row]:
        """All rows of a table whose columns have the given values, in the order of its key."""
        statement = select(table).order_by(*table.primary_key.columns)
        for name, value in equal.items():
            statement = statement.where(table.c[name] == value)
        return self.query(statement)

    def rows_of(self, table: Table, keys: Iterable[str]) -> dict[str, Row]:
        """Rows by their `key`, for those of `keys` that exist."""
        return {
            row["key"]: row
            for batch in _batches(sorted(set(keys)), 500)
            for row in self.query(select(table).where(table.c.key.in_(batch)))
        }

    def existing(
        self, table: Table, keys: Iterable[str], where: ColumnElement[bool] | None = None
    ) -> set[str]:
        """Those of `keys` that the table holds, in a row that meets a condition."""
        chosen = select(table.c.key) if where is None else select(table.c.key).where(where)
        batches = list(_batches(sorted(set(keys)), 500))

        def look(connection: Connection) -> set[str]:
            statements = (chosen.where(table.c.key.in_(batch)) for batch in batches)
            return {key for each in statements for key in connection.execute(each).scalars()}

        return transact(self.engine, look)

    def close(self) -> None:
        """Give up the database connections."""
        self.engine.dispose()


def _batches(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
