"""The store as a whole: load and flush, retention, snapshots, caches, system tables, threads."""

from __future__ import annotations

import threading
from typing import Any

import pyarrow as pa
import pytest

from pe_kit.errors import ConflictError, NotFoundError
from pe_kit.store.store import Store

HOUR = 3_600_000_000_000
START = 1_767_225_600_000_000_000


class Clock:
    def __init__(self) -> None:
        self.ns = START

    def __call__(self) -> int:
        return self.ns


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> Store:
    return Store(clock)


def query(store: Store, sql: str, db: str = "db") -> list[tuple[Any, ...]]:
    columns = [c.to_pylist() for c in store.query_arrow(sql, db).columns]
    return list(zip(*columns, strict=True))


def test_written_rows_are_read_after_the_flush_and_their_table_at_once(store: Store) -> None:
    assert store.write("m f=1", "db").rows == 1
    assert store.pending
    assert query(store, "SELECT count(*) FROM m") == [(0,)]
    store.flush()
    assert not store.pending
    assert query(store, "SELECT count(*) FROM m") == [(1,)]


def test_load_stores_at_once_without_a_batch_and_leaves_the_buffer_alone(store: Store) -> None:
    store.write("m f=1 1", "db", "ns")
    assert store.load("m f=2 2\nbad", "db", precision="ns", accept_partial=True).rows == 1
    assert query(store, "SELECT f FROM m") == [(2.0,)]
    (batch,) = store.flush()
    assert batch.sizes() == [("m", 1)]
    assert query(store, "SELECT f FROM m ORDER BY time") == [(1.0,), (2.0,)]


def test_caches_see_what_is_flushed_and_what_is_loaded(store: Store) -> None:
    store.create_table("db", "m", ["t"], {"f": "float64"})
    assert store.create_last_cache("db", "m") == "m_t_last_cache"
    assert store.create_distinct_cache("db", "m", ["t"], name="d", max_age="3650d") == "d"
    store.write(f"m,t=a f=1 {START}", "db", "ns")
    assert query(store, "SELECT t FROM last_cache('m')") == []
    store.flush()
    store.load(
        pa.table({"t": ["b", "a"], "f": [2.0, 3.0], "time": [START, START + 1]}),
        "db",
        precision="ns",
        table="m",
        tags=["t"],
    )
    assert query(store, "SELECT t, f FROM last_cache('m') ORDER BY t") == [("a", 3.0), ("b", 2.0)]
    assert query(store, "SELECT t FROM distinct_cache('m', 'd')") == [("a",), ("b",)]
    assert query(store, 'SELECT "table", name FROM system.last_caches') == [("m", "m_t_last_cache")]
    assert query(store, "SELECT name FROM system.distinct_caches") == [("d",)]
    found = query(store, "SELECT last_cache_count, distinct_cache_count FROM system.tables", "_internal")
    assert found == [(1, 1)]
    with pytest.raises(ConflictError):
        store.create_last_cache("db", "m")
    store.clear_caches()
    assert query(store, "SELECT t FROM last_cache('m')") == []
    store.delete_last_cache("db", "m", "m_t_last_cache")
    store.delete_distinct_cache("db", "m", "d")
    with pytest.raises(NotFoundError, match="the requested resource was not found: d"):
        store.delete_distinct_cache("db", "m", "d")
    for attempt in (
        lambda: store.create_last_cache("db", "absent"),
        lambda: store.delete_last_cache("db", "absent", "x"),
        lambda: store.create_distinct_cache("absent", "m", ["t"]),
        lambda: store.delete_distinct_cache("absent", "m", "x"),
    ):
        with pytest.raises(NotFoundError):
            attempt()


def test_caches_see_rows_in_the_order_of_plugins_whatever_way_they_came(store: Store) -> None:
    lines = [f"m,t=a{i % 3} n={i}i {START + i}" for i in range(1500)]
    lines[700] = f'm,t=a\\ b n=700i,s="odd \\"one\\"" {START + 700}'
    store.create_table("db", "m", ["t"])
    store.create_last_cache("db", "m", key_columns=[], count=3)
    store.write("\n".join(lines), "db", "ns")
    store.flush()
    assert query(store, "SELECT n FROM last_cache('m')") == [(1499,), (1498,), (1497,)]


def test_rows_older_than_the_retention_period_are_invisible(store: Store, clock: Clock) -> None:
    store.create_database("db", retention_ns=HOUR)
    for age in (3, 2, 1, 0):
        store.write(f"m f={age} {START - age * HOUR}", "db", "ns")
    assert sum(map(len, store.flush()[0].tables)) == 4
    assert query(store, "SELECT f FROM m ORDER BY f") == [(0.0,), (1.0,)]
    version = store.table("db", "m").version
    clock.ns += 1
    assert store.table("db", "m").version != version
    assert query(store, "SELECT f FROM m") == [(0.0,)]
    assert store.tables_frame("db")["rows"].tolist() == [1]
    store.write(f"edge f=1 {clock.ns - HOUR}", "db", "ns")
    store.write(f"past f=1 {clock.ns - HOUR - 1}", "db", "ns")
    store.flush()
    assert query(store, "SELECT f FROM edge") == [(1.0,)]
    assert query(store, "SELECT f FROM past") == []
    store.set_retention("db", None)
    store.write(f"m f=9 {START - 9 * HOUR}", "db", "ns")
    store.flush()
    assert (9.0,) in query(store, "SELECT f FROM m")
    store.set_retention("db", HOUR)
    clock.ns += 2 * HOUR
    assert query(store, "SELECT f FROM m") == []


def test_retention_cuts_through_bulk_data_in_any_order(store: Store) -> None:
    store.create_database("db", retention_ns=1000)
    times = [START - t for t in range(2000)]
    for table, order in (("up", times[::-1]), ("down", times), ("mixed", times[::2] + times[1::2])):
        store.write(pa.table({"f": [1.0] * 2000, "time": order}), "db", "ns", table=table)
        store.flush()
        assert query(store, f"SELECT count(*), min(time)::bigint FROM {table}") == [(1001, START - 1000)]


def test_a_snapshot_stays_what_it_is_and_can_be_taken_up_by_another_store(store: Store, clock: Clock) -> None:
    store.create_table("db", "m", ["t"], {"f": "float64"})
    store.create_last_cache("db", "m", name="c")
    store.write(f"m,t=a f=1 {START}", "db", "ns")
    store.flush()
    store.write(f"m,t=b f=2 {START}", "db", "ns")
    early = store.snapshot()
    store.write(f"m,t=a g=1i {START}\nother f=1", "db", "ns")
    store.flush()
    store.write("m,t=c f=3", "db")
    store.create_database("more")
    late = store.snapshot()

    twin = Store(clock)
    twin.restore(early)
    assert twin.database_names() == ["_internal", "db"]
    assert query(twin, "SELECT * FROM m")[0][0] == 1.0
    assert twin.table("db", "m").schema.names == ["f", "t", "time"]
    assert query(twin, "SELECT t FROM last_cache('m', 'c')") == [("a",)]
    twin.write(f"m,t=z f=5 {START}", "db", "ns")
    assert [b.sizes() for b in twin.flush()] == [[("m", 2)]]
    assert query(twin, "SELECT t FROM m ORDER BY t") == [("a",), ("b",), ("z",)]

    twin.restore(late)
    assert twin.table_names("db") == ["m", "other"]
    assert query(twin, "SELECT t, f, g FROM m ORDER BY t") == [("a", 1.0, 1), ("b", 2.0, None)]
    assert twin.pending
    twin.restore(early)
    assert query(twin, "SELECT t FROM m") == [("a",)]
    assert query(store, "SELECT t FROM m ORDER BY t") == [("a",), ("b",)]
    store.flush()
    assert query(store, "SELECT t FROM m ORDER BY t") == [("a",), ("b",), ("c",)]


def test_a_query_sees_the_restored_rows_not_those_of_the_same_version_count(store: Store) -> None:
    store.write("m f=1 1", "db", "ns")
    store.flush()
    moment = store.snapshot()
    for value in (2, 3):
        store.restore(moment)
        store.write(f"m f={value} 2", "db", "ns")
        store.flush()
        assert query(store, "SELECT f FROM m ORDER BY time") == [(1.0,), (float(value),)]


def test_a_scratch_store_knows_the_schema_and_keeps_its_writes_to_itself(store: Store) -> None:
    store.write("m f=1", "db")
    scratch = store.scratch()
    scratch.write("m g=1\nn f=1", "db")
    assert scratch.write("m f=1i", "db", accept_partial=True).errors
    assert [b.sizes() for b in scratch.flush()] == [[("m", 1), ("n", 1)]]
    assert store.table_names("db") == ["m"]
    assert store.table("db", "m").schema.names == ["f", "time"]


def test_system_tables_are_there_without_an_engine_and_can_be_replaced(store: Store) -> None:
    store.write("m,t=a f=1", "db")
    assert query(store, "SELECT key, data_type FROM system.influxdb_schema") == [
        ("f", "float"), ("t", "tag"), ("time", "time"),
    ]  # fmt: skip
    for name in ("processing_engine_triggers", "processing_engine_trigger_arguments", "processing_engine_logs"):
        assert query(store, f"SELECT * FROM system.{name}") == []
    assert query(store, "SELECT query_text, running FROM system.queries")[-1][1] is True
    internal = ["databases", "generation_durations", "nodes", "plugin_files", "tables", "tokens"]
    for name in internal:
        store.query_arrow(f"SELECT * FROM system.{name}", "_internal")
    store.system_sources["plugin_files"] = lambda db: [(db, "f.py", "p/f.py", 1, 2)]
    found = query(store, "SELECT * FROM system.plugin_files", "_internal")
    assert found == [("_internal", "f.py", "p/f.py", 1, 2)]


def test_threads_may_write_flush_and_query_at_once(store: Store) -> None:
    store.write("m,t=x f=0 0", "db", "ns")
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for i in range(60):
                store.write(f"m,t=w{number} f={i} {i}", "db", "ns")
                store.flush()
                if i % 10 == number:
                    store.query_arrow("SELECT count(*) FROM m", "db")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    store.flush()
    assert query(store, "SELECT count(*) FROM m") == [(241,)]


@pytest.mark.parametrize("table", ["CPU load", "time", "ä", 'quo"ted'])
def test_tables_may_have_any_name(store: Store, table: str) -> None:
    store.write(table.replace(" ", "\\ ") + ",t=a f=1", "db")
    store.flush()
    quoted = table.replace('"', '""')
    assert query(store, f'SELECT t FROM "{quoted}"') == [("a",)]
    assert store.table("db", table).name == table
