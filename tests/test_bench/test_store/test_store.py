"""The store: keys, refusals, and company in the same database."""

from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, select, text

from bench.errors import InputError
from bench.store.schema import cells, importances, schema_table
from bench.store.store import Store


def url(path: Path) -> str:
    return f"sqlite:///{path}"


def test_a_key_is_written_once_unless_replaced(tmp_path: Path) -> None:
    store = Store(url(tmp_path / "new" / "a.db"))
    store.put(importances, [{"study": "s", "values": {"x": 1.0}}])
    store.put(importances, [{"study": "s", "values": {"x": 2.0}}])
    assert store.rows(importances, study="s") == [{"study": "s", "values": {"x": 1.0}}]
    store.put(importances, [{"study": "s", "values": {"x": 2.0}}], replace=True)
    assert store.rows(importances)[0]["values"] == {"x": 2.0}
    store.close()
    assert Store(url(tmp_path / "new" / "a.db"), create=False).rows(importances)


def test_what_status_counts_by_is_an_index(tmp_path: Path) -> None:
    store = Store(url(tmp_path / "a.db"))
    (index,) = inspect(store.engine).get_indexes("mln_cells")
    assert index["column_names"] == ["unit", "lr", "parameter", "status", "seed"]
    counting = select(cells.c.status).where(cells.c.unit == "u", cells.c.seed < 3)
    with store.transaction() as connection:
        text_of = str(counting.compile(connection, compile_kwargs={"literal_binds": True}))
        (plan,) = connection.execute(text(f"explain query plan {text_of}"))
    assert "USING COVERING INDEX mln_cells_by_unit" in plan[3]


def test_tables_of_others_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "shared.db"
    engine = create_engine(url(path))
    with engine.begin() as connection:
        connection.execute(text("create table studies (study_id integer)"))
        connection.execute(text("insert into studies values (1)"))
    Store(url(path)).close()
    with engine.connect() as connection:
        assert connection.execute(text("select count(*) from studies")).scalar() == 1


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("nonsense", "use sqlite:///FILE"),
        ("mysql://me@here/db", "mysql is not supported"),
        ("sqlite://", "results need a file"),
        ("sqlite:////proc/nowhere/a.db", "cannot make its folder"),
    ],
)
def test_an_address_that_cannot_be_used_is_one_line(address: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        Store(address)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_password_is_not_repeated() -> None:
    with pytest.raises(InputError) as caught:
        Store("postgresql+psycopg://me:secret@127.0.0.1:1/none")
    assert "secret" not in str(caught.value)


def test_reading_creates_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        Store(url(tmp_path / "absent.db"), create=False)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_and_another_schema_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("hello " * 500)
    with pytest.raises(InputError, match="not a database"):
        Store(url(tmp_path / "text.db"))
    store = Store(url(tmp_path / "later.db"))
    with store.transaction() as connection:
        connection.execute(schema_table.update().values(version=99))
    with pytest.raises(InputError, match="schema version"):
        Store(url(tmp_path / "later.db"))
