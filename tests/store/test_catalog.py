"""Databases, tables, limits and soft deletion (influxdb3_catalog/src/catalog/versions/v3)."""

from __future__ import annotations

import json

import pytest

from pe_kit.errors import (
    ConflictError,
    DatabaseNotFoundError,
    InvalidNameError,
    LineProtocolError,
    NotFoundError,
    QueryError,
    ServerError,
    UsageError,
)
from pe_kit.store.store import Store

NOW = 1_767_225_600_000_000_000  # 2026-01-01T00:00:00Z
EXISTS = "attempted to create a resource that already exists"


@pytest.fixture
def store() -> Store:
    return Store(lambda: NOW)


def count(store: Store, table: str, db: str = "db") -> int:
    return store.query_arrow(f"SELECT count(*) AS n FROM {table}", db)["n"][0].as_py()


def test_internal_is_there_and_keeps_rows_for_seven_days(store: Store) -> None:
    assert store.database_names() == ["_internal"]
    frame = store.databases_frame()
    assert frame.columns[0] == "database"
    assert frame.loc[0, "retention_period"].days == 7


def test_a_database_is_created_once(store: Store) -> None:
    store.create_database("db")
    assert store.has_database("db")
    with pytest.raises(ConflictError, match=EXISTS) as caught:
        store.create_database("db")
    assert (caught.value.status, caught.value.body) == (409, EXISTS)


def test_create_checks_the_name_as_the_http_face_does(store: Store) -> None:
    with pytest.raises(InvalidNameError):
        store.create_database("_x")
    with pytest.raises(InvalidNameError):
        store.create_table("_x", "t", [])


def test_five_databases_are_the_limit_and_internal_does_not_count(store: Store) -> None:
    for i in range(5):
        store.create_database(f"d{i}")
    text = "Adding a new database would exceed limit of 5 databases"
    for attempt in (lambda: store.create_database("more"), lambda: store.write("m f=1", "more")):
        with pytest.raises(ServerError) as caught:
            attempt()
        assert (caught.value.message, caught.value.status) == (text, 422)
        assert json.loads(caught.value.body) == {"error": text}
    assert not store.has_database("more")
    store.delete_database("d0")
    store.create_database("more")


def test_a_write_creates_its_database_even_when_it_is_empty(store: Store) -> None:
    store.write("m f=1", "one")
    with pytest.raises(ServerError, match="incoming write was empty"):
        store.write("# nothing\n\n", "two")
    assert store.database_names() == ["_internal", "one", "two"]
    assert store.table_names("two") == []


def test_create_table_takes_tags_fields_and_creates_the_database(store: Store) -> None:
    fields = {"a": "utf8", "b": "int64", "c": "uint64", "d": "float64", "e": "bool"}
    store.create_table("db", "t", ["y", "x"], fields)
    table = store.table("db", "t")
    assert table.series_key == ("y", "x")
    assert table.schema.names == ["a", "b", "c", "d", "e", "time", "x", "y"]
    assert [str(t) for t in table.schema.types[:6]] == ["string", "int64", "uint64", "double", "bool", "timestamp[ns]"]
    assert not table.schema.field("time").nullable
    assert table.schema.field("b").metadata == {b"iox::column::type": b"iox::column_type::field::integer"}
    assert count(store, "t") == 0
    with pytest.raises(ConflictError, match=EXISTS):
        store.create_table("db", "t", [])


@pytest.mark.parametrize(
    ("tags", "fields", "status", "text"),
    [
        (["time"], {}, 400, "'time' is a reserved column"),
        ([], {"__chunk_order": "utf8"}, 400, "'__chunk_order' is a reserved column"),
        (["x"], {"x": "bool"}, 400, "invalid column type for column 'x', expected iox::column_type::tag, got "),
        (
            [],
            {f"f{i}": "bool" for i in range(501)},
            422,
            "Update to schema would exceed number of columns per table limit of 500 columns",
        ),
    ],
)
def test_create_table_refuses_columns_and_then_creates_nothing(
    store: Store, tags: list[str], fields: dict[str, str], status: int, text: str
) -> None:
    with pytest.raises(ServerError) as caught:
        store.create_table("db", "t", tags, fields)
    assert caught.value.message.startswith(text)
    assert caught.value.status == status
    assert caught.value.body == ('{"error":"' + text + '"}' if status == 422 else caught.value.message)
    assert not store.has_database("db")


def test_create_table_names_the_type_that_was_meant(store: Store) -> None:
    with pytest.raises(UsageError, match="Did you mean 'float64'"):
        store.create_table("db", "t", [], {"x": "float46"})


def test_tables_are_counted_over_all_databases(store: Store) -> None:
    small = Store(lambda: NOW, max_tables=3)
    small.write("x f=1", "_internal", http_name=False)
    small.write("a f=1\nb f=1", "one")
    small.write("c f=1", "two")
    text = (
        "Update to schema would exceed number of tables limit: "
        "attempted to create table but already have 3 table(s) (limit: 3)"
    )
    with pytest.raises(LineProtocolError) as caught:
        small.write("d f=1", "two")
    assert (caught.value.error_message, caught.value.status) == (text, 400)  # 422 only for partial writes
    with pytest.raises(ServerError) as refused:
        small.create_table("one", "d", [])
    assert (refused.value.message, refused.value.status) == (text, 422)
    small.delete_table("one", "a")
    small.write("d f=1", "two")


def test_a_deleted_database_gives_its_name_free_and_keeps_a_new_one(store: Store) -> None:
    store.write("m f=1", "db")
    store.flush()
    store.write("m f=2", "db")
    store.delete_database("db")
    assert not store.has_database("db")
    assert store.flush() == []
    with pytest.raises(QueryError, match="database not found: db"):
        store.query_arrow("SELECT 1", "db")
    renamed = "db-20260101T000000"
    text = f"cannot write to soft-deleted database '{renamed}' - it is marked for deletion"
    with pytest.raises(ServerError) as caught:
        store.write("m f=1", renamed)
    assert (caught.value.message, caught.value.status) == (text, 400)
    assert json.loads(caught.value.body) == {"error": text}
    store.write('m f="other type"', "db")
    store.flush()
    assert count(store, "m") == 1
    store.delete_database("db")
    assert list(store.catalog.state.deleted) == [renamed, f"{renamed}-1"]


def test_what_was_deleted_cannot_be_deleted_again(store: Store) -> None:
    store.write("m f=1", "db")
    store.delete_table("db", "m")
    with pytest.raises(ConflictError) as caught:
        store.delete_table("db", "m-20260101T000000")
    assert caught.value.message == "attempted to modify resource that was already deleted: m-20260101T000000"
    assert caught.value.status == 409
    store.delete_database("db")
    gone = "db-20260101T000000"
    for attempt in (
        lambda: store.delete_database(gone),
        lambda: store.set_retention(gone, 1),
        lambda: store.require_database(gone),
        lambda: store.create_table(gone, "t", []),
    ):
        with pytest.raises(ConflictError, match=f"was already deleted: {gone}"):
            attempt()


def test_the_internal_database_stays(store: Store) -> None:
    with pytest.raises(ServerError, match="cannot delete internal db"):
        store.delete_database("_internal")
    for attempt in (
        lambda: store.delete_table("_internal", "x"),
        lambda: store.set_retention("_internal", 1),
        lambda: store.require_database("_internal"),
        lambda: store.create_last_cache("_internal", "x"),
        lambda: store.delete_distinct_cache("_internal", "x", "y"),
    ):
        with pytest.raises(ServerError, match="cannot modify internal db") as refused:
            attempt()
        assert refused.value.status == 500


def test_a_deleted_table_takes_rows_and_buffer_with_it(store: Store) -> None:
    store.write("m f=1\nn f=1", "db")
    store.flush()
    store.write("m f=2", "db")
    store.delete_table("db", "m")
    assert store.flush() == []
    assert store.table_names("db") == ["n"]
    store.write("m g=1i", "db")
    store.flush()
    assert store.table("db", "m").schema.names == ["g", "time"]
    assert count(store, "m") == 1


def test_unknown_names_get_a_near_match(store: Store) -> None:
    store.write("temperature f=1", "sensors")
    cases = [
        (lambda: store.tables_frame("sensor"), "Database not found sensor", "Did you mean 'sensors'?"),
        (lambda: store.delete_database("sensor"), "the requested resource was not found: sensor", "'sensors'?"),
        (lambda: store.set_retention("sensor", 1), "the requested resource was not found: sensor", "'sensors'?"),
        (
            lambda: store.table("sensors", "temprature"),
            "Table temprature not in DB schema for sensors",
            "'temperature'?",
        ),
        (lambda: store.delete_table("sensors", "x"), "Table x not in DB schema for sensors", "'temperature'"),
        (lambda: store.delete_table("sensor", "x"), "Database not found sensor", "'sensors'?"),
    ]
    for attempt, message, mend in cases:
        with pytest.raises(NotFoundError) as caught:
            attempt()
        assert caught.value.message == message
        assert mend in caught.value.mend
        assert caught.value.status == 404
    with pytest.raises(DatabaseNotFoundError):
        store.require_database("nope")


def test_querying_an_unknown_database_is_an_error_of_its_own_stage(store: Store) -> None:
    with pytest.raises(QueryError) as caught:
        store.query_arrow("SELECT 1", "foo")
    assert (caught.value.message, caught.value.stage, caught.value.status) == (
        "database not found: foo",
        "database",
        404,
    )
    assert json.loads(caught.value.body) == {"error": "query error: database not found: foo"}
    with pytest.raises(InvalidNameError):
        store.query_arrow("SELECT 1", "a b", http_name=False)


def test_columns_are_sorted_by_bytes_and_the_series_key_is_not(store: Store) -> None:
    store.write("t,region=eu,Zed=1,host=a usage=1,ärger=2i 1", "db")
    store.write("t,dc=x usage=1 1", "db")
    table = store.table("db", "t")
    assert table.schema.names == ["Zed", "dc", "host", "region", "time", "usage", "ärger"]
    assert table.series_key == ("region", "Zed", "host", "dc")
    assert str(table.schema.field("host").type) == "dictionary<values=string, indices=int32, ordered=0>"


def test_the_tables_frame_counts_rows_columns_and_times(store: Store) -> None:
    assert list(store.tables_frame("_internal").columns) == ["table", "rows", "columns", "first_time", "last_time"]
    store.write("m,a=x f=1 3\nm,a=x f=2 3\nm f=1 1", "db", "ns")
    store.create_table("db", "empty", ["a"])
    store.flush()
    frame = store.tables_frame("db")
    assert frame["table"].tolist() == ["m", "empty"]
    assert frame["rows"].tolist() == [2, 0]
    assert frame["columns"].tolist() == [3, 2]
    assert frame["first_time"].astype("int64").tolist()[0] == 1
    assert frame["last_time"].astype("int64").tolist()[0] == 3
    assert frame["last_time"].isna().tolist() == [False, True]
    assert str(frame.dtypes["first_time"]) == "datetime64[ns]"
