"""Merging: equal rows are one, differing ones are refused by name, and nothing is half done."""

import json
import sqlite3
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table
from test_bench.running_here import Here, results, run_here
from test_bench.tiny import hand_made, tiny

from bench.errors import InputError, Unavailable
from bench.running.status import summary
from bench.store import merge as merging
from bench.store.database import open_engine
from bench.store.merge import MergedTable, merge, source_url
from bench.store.schema import (
    cells,
    evolutions,
    experiments,
    gains,
    importances,
    learners,
    metadata,
    slots,
    studies,
    trials,
    units,
)
from bench.store.store import Row, Store


def opened(folder: Path) -> Store:
    return Store(f"sqlite:///{folder}/mln.db")


def counts(tables: list[MergedTable]) -> dict[str, tuple[int, ...]]:
    return {each.table.removeprefix("mln_"): tuple(each[1:]) for each in tables if each.rows}


def dump(store: Store) -> list[Row]:
    return [row for table in metadata.sorted_tables for row in store.rows(table)]


@pytest.fixture
def halves(tmp_path: Path) -> tuple[Store, Store]:
    """Two runs of overlapping parts of one grid, as on two machines."""
    run_here(hand_made(seeds=2), tmp_path / "a")
    run_here(hand_made(seeds=3, losses=["mse", "ce", "gce"]), tmp_path / "b")
    return opened(tmp_path / "a"), opened(tmp_path / "b")


def test_two_parts_become_what_one_run_would_have_stored(
    halves: tuple[Store, Store], tmp_path: Path
) -> None:
    first, second = halves
    merged = counts(merge(first, second))
    assert merged == {
        "experiments": (1, 1, 0, 0, 0),
        "units": (2, 2, 0, 0, 0),
        "cells": (8, 0, 8, 0, 0),
    }
    whole, _ = run_here(hand_made(seeds=3, losses=["mse", "ce", "gce"]), tmp_path / "whole")
    run_here(hand_made(seeds=2), tmp_path / "whole")
    assert results(second) == results(whole)
    assert summary(hand_made(seeds=2), second).missing == 0
    # Twice is as good as once, and the other way round gives the same.
    before = dump(second)
    assert counts(merge(first, second))["cells"] == (8, 0, 8, 0, 0)
    assert dump(second) == before
    assert counts(merge(second, first))["cells"] == (18, 10, 8, 0, 0)
    assert results(first) == results(second)


def test_evolved_losses_and_learners_come_along(tmp_path: Path) -> None:
    small = {"tasks": ["spirals"], "losses": ["ce", "mse"], "seeds": 1}
    store, _ = run_here(tiny(**small), tmp_path / "a")
    store.put(learners, [{"key": "k", "scores": [{"accuracy": 0.5}]}])
    target = opened(tmp_path / "b")
    merged = counts(merge(store, target))
    assert merged["evolutions"] == (2, 2, 0, 0, 0)
    assert merged["learners"] == (1, 1, 0, 0, 0)
    assert dump(target) == dump(store)
    pool = Here()
    _, done = run_here(tiny(**small), tmp_path / "b", pool)
    assert (pool.jobs, done.missing) == ([], 0)


def study(name: str, number: int = 4) -> dict[Table, list[Row]]:
    """The rows of a finished study of two slots."""
    slot = {"study": name, "origin": "sampler", "params": {"a": 1}, "beat": 1.5, "deaths": 0}
    at = {"study": name, "state": "complete", "value": 0.5, "params": {"a": 1}, "member_steps": 9}
    gain = {"study": name, "seed": 0, "family": "moons", "kind": "screen", "settings": {"a": 1}}
    of_gain = {"gain": 0.5, "tasks": 2, "diverged": 0, "member_steps": 9}
    best = {"slot": 0, "number": number, "value": 0.5, "params": {"a": 1}}
    about = {"study": name, "kind": "screen", "experiment": "e", "protocol": {"trials": 2}}
    return {
        slots: [
            slot | {"slot": k, "state": "done", "worker": f"w{number}", "number": number + k}
            for k in range(2)
        ],
        trials: [
            at | {"slot": k, "number": number + k, "intermediate": {"step": [1], "value": [0.5]}}
            for k in range(2)
        ],
        gains: [gain | of_gain | {"slot": k} for k in range(2)],
        studies: [about | {"best": best, "front": [best | {"cost": 9}]}],
        importances: [{"study": name, "values": {"a": 1.0}}],
    }


def put(store: Store, tables: dict[Table, list[Row]]) -> None:
    for table, rows in tables.items():
        store.put(table, rows)


def test_studies_are_merged_whatever_numbers_optuna_gave(tmp_path: Path) -> None:
    source, target = opened(tmp_path / "a"), opened(tmp_path / "b")
    put(source, study("shared"))
    put(source, study("new"))
    put(target, study("shared", number=70))
    unfinished = study("at work")[slots]
    put(source, {slots: [unfinished[0] | {"state": "open"}, unfinished[1] | {"state": "claimed"}]})
    put(target, {slots: [study("new")[slots][0] | {"state": "open", "params": None}]})
    assert counts(merge(source, target)) == {
        "studies": (2, 1, 1, 0, 0),
        "slots": (6, 1, 2, 1, 2),
        "trials": (4, 2, 2, 0, 0),
        "gains": (4, 2, 2, 0, 0),
        "importances": (2, 1, 1, 0, 0),
    }
    assert {row["study"] for row in target.rows(slots)} == {"shared", "new"}
    assert {row["state"] for row in target.rows(slots)} == {"done"}
    assert target.rows(trials, study="shared")[0]["number"] == 70


def test_time_machine_and_name_may_differ(halves: tuple[Store, Store]) -> None:
    source, target = halves
    other = {"provenance": {"seconds": 99.0, "processor": "another"}, "loss": "another name"}
    with source.transaction() as connection:
        connection.execute(cells.update().values(**other))
    before = target.rows(cells)
    assert counts(merge(source, target))["cells"] == (8, 0, 8, 0, 0)
    assert target.rows(cells) == before


def test_a_failure_gives_way_to_a_result_and_never_takes_its_place(
    halves: tuple[Store, Store],
) -> None:
    source, target = halves
    lost = {"status": "failed", "detail": "lost", "metrics": {}, "inner": {}, "curve": {}}
    whole = target.rows(cells)
    with target.transaction() as connection:
        connection.execute(cells.update().values(**lost).where(cells.c.seed == 0))
    with source.transaction() as connection:
        connection.execute(cells.update().values(**lost).where(cells.c.seed == 1))
    assert counts(merge(source, target))["cells"] == (8, 0, 4, 4, 0)
    failed = {row["key"] for row in target.rows(cells, status="failed")}
    assert {row["loss"] for row in target.rows(cells) if row["key"] in failed} == {"gce"}

    def measured(rows: list[Row]) -> list[Row]:
        return [{**row, "provenance": None} for row in rows if row["key"] not in failed]

    assert measured(target.rows(cells)) == measured(whole)
    # Both failed: what the target knows of it stays.
    with source.transaction() as connection:
        connection.execute(cells.update().values(status="failed", detail="other"))
    with target.transaction() as connection:
        connection.execute(cells.update().values(status="failed", detail="own"))
    assert counts(merge(source, target))["cells"] == (8, 0, 8, 0, 0)
    assert {row["detail"] for row in target.rows(cells)} == {"own"}


CHANGES: list[tuple[Table, dict[str, Any], str]] = [
    (cells, {"metrics": {"accuracy": 0.25}}, "metrics.accuracy is 0.25 in"),
    (cells, {"inner": {}}, "inner.accuracy is null in"),
    (cells, {"curve": {"step": [1]}}, "curve.accuracy is null in"),
    (cells, {"status": "diverged"}, 'status is "diverged" in'),
    (cells, {"detail": "another"}, 'detail is "another" in'),
    (units, {"configurations": []}, "configurations is [] in"),
    (units, {"unit": "another"}, 'unit is "another" in'),
    (experiments, {"config": {"experiment": {"seed": 4}}}, "config.experiment.benchmark is null"),
    (learners, {"scores": []}, "scores is [] in"),
    (trials, {"value": 0.75}, "value is 0.75 in"),
    (gains, {"tasks": 3}, "tasks is 3 in"),
    (studies, {"best": {}}, "best.params is null in"),
    (importances, {"values": {"a": 0.5}}, "values.a is 0.5 in"),
    (slots, {"params": {"a": 2}}, "params.a is 2 in"),
]


@pytest.mark.parametrize(("table", "change", "words"), CHANGES)
def test_what_differs_under_one_key_is_one_line_and_nothing_is_written(
    table: Table, change: dict[str, Any], words: str, tmp_path: Path
) -> None:
    for name in "ab":
        store, _ = run_here(hand_made(seeds=1), tmp_path / name)
        put(store, study("s") | {learners: [{"key": "k", "scores": [{"accuracy": 0.5}]}]})
    source, target = opened(tmp_path / "a"), opened(tmp_path / "b")
    source.put(importances, [{"study": "only here", "values": {}}])
    run_here(hand_made(seeds=1, losses=["ce", "mse", "mae"]), tmp_path / "a")
    last = max(row for row in source.tuples(table.select().with_only_columns(*table.primary_key)))
    own = [column == value for column, value in zip(table.primary_key, last, strict=True)]
    for store in (source, target):  # one row that both hold
        held = store.query(table.select().where(*own))
        if not held:
            store.put(table, source.query(table.select().where(*own)))
    with source.transaction() as connection:
        connection.execute(table.update().where(*own).values(**change))
    before = dump(target)
    with pytest.raises(InputError) as caught:
        merge(source, target)
    said = str(caught.value)
    assert words in said
    assert source.url in said
    assert target.url in said
    assert f"{table.name}: " in said
    assert "nothing was written" in said
    assert "\n" not in said
    assert dump(target) == before


def test_a_conflict_names_both_processors(halves: tuple[Store, Store]) -> None:
    source, target = halves
    other = {"provenance": {"processor": "Abacus 2"}, "metrics": {"accuracy": 0.25}}
    with source.transaction() as connection:
        connection.execute(cells.update().values(**other))
    with pytest.raises(InputError, match=r"seed \d lr [\d.]+: .*computed on Abacus 2 and on "):
        merge(source, target)


def test_the_more_complete_record_of_an_experiment_is_kept(tmp_path: Path) -> None:
    source, target = opened(tmp_path / "a"), opened(tmp_path / "b")

    def row(evolved: dict[str, str], **more: Any) -> Row:
        config = {"experiment": {"seed": 1, **more}, "evolutions": evolved, "provenance": more}
        return {"fingerprint": "f", "name": "e", "config": config}

    target.put(experiments, [row({"mln_1": "k1"}, description="words")])
    source.put(experiments, [row({"mln_1": "k1", "mln_2": "k2"})])
    assert counts(merge(source, target))["experiments"] == (1, 0, 0, 1, 0)
    assert target.rows(experiments)[0]["config"]["evolutions"] == {"mln_1": "k1", "mln_2": "k2"}
    source.put(experiments, [row({"mln_1": "k1"})], replace=True)
    assert counts(merge(source, target))["experiments"] == (1, 0, 1, 0, 0)
    source.put(experiments, [row({"mln_1": "another"})], replace=True)
    with pytest.raises(InputError, match=r'evolutions.mln_1 is "another" in'):
        merge(source, target)


def test_many_rows_take_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "BATCH", 50)
    source, target = opened(tmp_path / "a"), opened(tmp_path / "b")
    curve = {"accuracy": [0.5] * 1000}
    about = {"unit": "u", "task": "t", "learner": "l", "loss": "ce", "lr": 0.1, "parameter": None}
    about |= {"status": "done", "detail": "", "metrics": {}, "inner": {}, "provenance": {}}
    rows = [about | {"key": f"{k:064x}", "seed": k, "curve": curve} for k in range(3000)]
    source.put(cells, rows)
    del rows
    stored = 3000 * len(json.dumps(curve))
    tracemalloc.start()
    merge(source, target)
    merge(source, target)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < stored / 4
    assert len(target.existing(cells, [f"{k:064x}" for k in range(3000)])) == 3000


def test_a_source_is_a_url_a_file_or_a_folder(tmp_path: Path) -> None:
    opened(tmp_path).close()
    wanted = f"sqlite:///{tmp_path}/mln.db"
    assert source_url(str(tmp_path)) == source_url(f"{tmp_path}/mln.db") == wanted
    assert source_url("postgresql+psycopg://me@here/db") == "postgresql+psycopg://me@here/db"
    for absent in (tmp_path / "absent.db", tmp_path / "mln.db" / "x"):
        with pytest.raises(InputError, match="no such file or database"):
            source_url(str(absent))
    with pytest.raises(InputError, match="is --storage itself"):
        merge(opened(tmp_path), Store(f"sqlite:///{tmp_path}/../{tmp_path.name}/mln.db"))


def test_a_target_that_another_process_holds_is_not_touched(
    halves: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = halves
    before = dump(target)
    monkeypatch.setattr("bench.store.database.BUSY_TIMEOUT_MS", 200)
    with closing(sqlite3.connect(str(target.engine.url.database), isolation_level=None)) as other:
        other.execute("begin immediate")
        with pytest.raises(Unavailable, match="locked"):
            merge(source, Store(target.url))
        other.execute("rollback")
    assert dump(target) == before


@pytest.fixture
def on_both(postgres_url: str, tmp_path: Path) -> Iterator[Callable[[], Store]]:
    """The empty database of a server."""
    made: list[Store] = []

    def make() -> Store:
        made.append(Store(postgres_url))
        return made[-1]

    yield make
    for store in made:
        store.close()


def test_from_a_file_to_a_server_and_back(
    halves: tuple[Store, Store], on_both: Callable[[], Store], tmp_path: Path
) -> None:
    first, second = halves
    put(first, study("s"))
    run_here(tiny(tasks=["spirals"], losses=["ce", "mse"], seeds=1), tmp_path / "a")
    assert len(first.rows(evolutions)) == 2
    server = on_both()
    assert counts(merge(first, server))["cells"][:2] == (12, 12)
    assert dump(server) == dump(first)
    assert counts(merge(second, server))["cells"] == (18, 10, 8, 0, 0)
    assert counts(merge(server, first))["cells"] == (22, 10, 12, 0, 0)
    assert results(first) == results(server)
    with server.transaction() as connection:
        connection.execute(cells.update().values(status="failed").where(cells.c.seed == 0))
    assert counts(merge(first, server))["cells"][3] == len(first.rows(cells, seed=0))
    assert results(first) == results(server)
    before = dump(first)
    with server.transaction() as connection:
        connection.execute(cells.update().values(inner={"nll": 9.0}).where(cells.c.seed == 1))
    with pytest.raises(InputError, match="nothing was written"):
        merge(server, first)
    assert dump(first) == before
    assert open_engine(server.url, create=False).dialect.name == "postgresql"
