"""Two databases of results become one: rows are keyed by content, so that equal ones are one."""

import json
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import JSON, Column, Connection, Text, bindparam, cast, select, text, tuple_
from sqlalchemy import type_coerce as as_type

from bench.errors import InputError
from bench.store import schema
from bench.store.database import public_url, transact
from bench.store.merge_rules import RULES, Rule
from bench.store.store import Row, Store
from bench.store.url import sqlite_url

BATCH = 500
"""Rows that are read, compared and written together."""

DEFAULT_FILE = "mln.db"


class MergedTable(NamedTuple):
    """How many rows of a table the source has, and what became of them in the target."""

    table: str
    rows: int
    added: int
    equal: int
    replaced: int
    left_out: int


def source_url(source: str) -> str:
    """The URL of a source: a URL, an SQLite file, or a folder that holds `mln.db`.

    Raises InputError where there is no such file.
    """
    if "://" in source:
        return source
    path = Path(source)
    file = path / DEFAULT_FILE if path.is_dir() else path
    if not file.is_file():
        raise InputError(
            f"{source}: no such file or database; name a URL, an SQLite file or a folder that "
            f"holds {DEFAULT_FILE}"
        )
    return sqlite_url(file)


def merge(source: Store, target: Store) -> list[MergedTable]:
    """Add all results of one database to another, in one transaction.

    Raises InputError, with nothing written, where both are one database or hold different results
    under one key.
    """
    _require_two(source, target)

    def merge_all(connection: Connection) -> list[MergedTable]:
        _hold(connection)
        with source.engine.connect() as reading:
            return [_Merging(rule, source, target).run(reading, connection) for rule in RULES]

    return transact(target.engine, merge_all)


def _require_two(source: Store, target: Store) -> None:
    def place(store: Store) -> object:
        url = store.engine.url
        name = Path(str(url.database)).resolve() if url.drivername == "sqlite" else url.database
        return url.host, url.port, name

    if place(source) == place(target):
        raise InputError(f"{public_url(source.url)}: is --storage itself; name another database")


def _hold(connection: Connection) -> None:
    """Let nobody else write until the transaction ends."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        return
    for rule in RULES:
        statement = text(f"lock table {rule.table.name} in share row exclusive mode")
        connection.execute(statement)


class _Merging:
    """One table of two databases."""

    def __init__(self, rule: Rule, source: Store, target: Store) -> None:
        self.rule, self.source, self.target = rule, source, target
        self.keys = [column.name for column in rule.table.primary_key]
        self.json = [column.name for column in rule.table.columns if _is_json(column)]
        self.compared = [
            column.name for column in rule.table.columns if column.name not in rule.ignored
        ]

    def run(self, reading: Connection, writing: Connection) -> MergedTable:
        """Compare and write, batch by batch."""
        counts = Counter[str](dict.fromkeys(MergedTable._fields[1:], 0))
        # A cursor on a server is closed at once, also where rows differ.
        with closing(self._batches(reading)) as batches:
            for batch in batches:
                self._merge(batch, writing, counts)
        return MergedTable(self.rule.table.name, **counts)

    def _merge(self, batch: list[Row], writing: Connection, counts: Counter[str]) -> None:
        kept = [row for row in batch if self.rule.is_kept(row)]
        stored = self._stored(writing, kept)
        new, better = [], []
        for row in kept:
            other = stored.get(self._key(row))
            if other is None:
                new.append(row)
            elif self._takes_its_place(other, row):
                better.append(row)
        self._write(writing, new, better)
        counts["rows"] += len(batch)
        counts["added"] += len(new)
        counts["equal"] += len(kept) - len(new) - len(better)
        counts["replaced"] += len(better)
        counts["left_out"] += len(batch) - len(kept)

    def _batches(self, reading: Connection) -> Generator[list[Row], None, None]:
        table = self.rule.table
        if not reading.dialect.has_table(reading, table.name):
            return  # a table that is younger than the source
        statement = select(*self._raw(reading)).order_by(*table.primary_key.columns)
        with reading.execution_options(yield_per=BATCH).execute(statement) as streamed:
            for partition in streamed.mappings().partitions():
                yield [dict(row) for row in partition]

    def _raw(self, connection: Connection) -> list[Any]:
        """All columns; JSON as the text that is stored, since it need not be understood."""
        is_sqlite = connection.dialect.name == "sqlite"
        return [
            (as_type(column, Text) if is_sqlite else cast(column, Text)).label(column.name)
            if _is_json(column)
            else column
            for column in self.rule.table.columns
        ]

    def _key(self, row: Row) -> tuple[Any, ...]:
        return tuple(row[name] for name in self.keys)

    def _stored(self, connection: Connection, rows: list[Row]) -> dict[tuple[Any, ...], Row]:
        """What the target holds under the keys of some rows."""
        if not rows:
            return {}
        columns = list(self.rule.table.primary_key.columns)
        own = (
            columns[0].in_([self._key(row)[0] for row in rows])
            if len(columns) == 1
            else tuple_(*columns).in_([self._key(row) for row in rows])
        )
        statement = select(*self._raw(connection)).where(own)
        found = (dict(row) for row in connection.execute(statement).mappings())
        return {self._key(row): row for row in found}

    def _takes_its_place(self, stored: Row, new: Row) -> bool:
        """Whether a row replaces the stored one. Raises InputError where both are results and
        differ."""
        if all(stored[name] == new[name] for name in self.compared):
            return False
        before, after = self._decoded(stored), self._decoded(new)
        if not (self.rule.gives_way(before) or self.rule.gives_way(after)):
            self._require_equal(before, after)
        return self.rule.replaces(before, after)

    def _decoded(self, row: Row) -> Row:
        texts = {name: row[name] and json.loads(row[name]) for name in self.json}
        return {**row, **texts}

    def _require_equal(self, stored: Row, new: Row) -> None:
        there, here = self.rule.essence(stored), self.rule.essence(new)
        differing = [name for name in self.compared if there[name] != here[name]]
        if self.rule.table is schema.experiments and not differing:
            known, found = (row["config"].get("evolutions", {}) for row in (stored, new))
            if any(known[name] != found[name] for name in known.keys() & found.keys()):
                differing, there, here = (
                    ["evolutions"],
                    {"evolutions": known},
                    {"evolutions": found},
                )
        if not differing:
            return
        name = differing[0]
        label = " ".join(f"{of} {new[of]}" for of in self.rule.named_by if new[of] is not None)
        at, ours, theirs = _first_difference(there[name], here[name], name)
        raise InputError(
            f"merge: {self.rule.table.name}: {label}: {at} is {theirs} in "
            f"{public_url(self.source.url)} and {ours} in {public_url(self.target.url)}"
            f"{_processors(stored, new)}; nothing was written: keep the two apart, or delete from "
            "one what is wrong"
        )

    def _write(self, connection: Connection, new: list[Row], better: list[Row]) -> None:
        table = self.rule.table
        is_sqlite = connection.dialect.name == "sqlite"
        # A text that is JSON already is bound as what it is.
        values: dict[str, Any] = {
            name: bindparam(f"new_{name}", type_=Text())
            if is_sqlite
            else cast(bindparam(f"new_{name}", type_=Text()), JSON)
            for name in self.json
        }
        values |= {
            column.name: bindparam(f"new_{column.name}", type_=column.type)
            for column in table.columns
            if column.name not in values
        }
        if new:
            connection.execute(table.insert().values(values), [_bound(row) for row in new])
        if better:
            changed = {name: of for name, of in values.items() if name not in self.keys}
            own = [table.c[name] == bindparam(f"new_{name}") for name in self.keys]
            connection.execute(
                table.update().where(*own).values(changed), [_bound(row) for row in better]
            )


def _is_json(column: Column[Any]) -> bool:
    return isinstance(column.type, JSON)


def _bound(row: Row) -> Row:
    return {f"new_{name}": value for name, value in row.items()}


def _first_difference(there: Any, here: Any, place: str) -> tuple[str, str, str]:
    """Where two values first differ, and both as short texts."""
    if isinstance(there, Mapping) and isinstance(here, Mapping):
        for name in sorted({*there, *here}):
            if there.get(name) != here.get(name):
                return _first_difference(there.get(name), here.get(name), f"{place}.{name}")
    if isinstance(there, list) and isinstance(here, list) and len(there) == len(here):
        for number, (one, other) in enumerate(zip(there, here, strict=True)):
            if one != other:
                return _first_difference(one, other, f"{place}[{number}]")
    return place, _short(there), _short(here)


def _short(value: Any) -> str:
    told = json.dumps(value)
    return told if len(told) <= 60 else f"{told[:57]}..."


def _processors(stored: Row, new: Row) -> str:
    """A remark where two results come from different processors: their last bits may differ."""
    names = [(row.get("provenance") or {}).get("processor") for row in (new, stored)]
    if names[0] == names[1] or None in names:
        return ""
    return f" (computed on {names[0]} and on {names[1]})"
