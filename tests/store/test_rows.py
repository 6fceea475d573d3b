"""Rows as plugins get them (influxdb3_wal/src/lib.rs, influxdb3_py_api/src/py_conversion.rs)."""

from __future__ import annotations

import pyarrow as pa
import pytest

from pe_kit.store.store import Store
from pe_kit.types import Row

MINUTE = 60_000_000_000


@pytest.fixture
def store() -> Store:
    return Store(lambda: 1_000)


def flushed(store: Store) -> dict[str, list[Row]]:
    (batch,) = store.flush()
    return {b["table_name"]: b["rows"] for b in batch.table_batches()}


def test_a_row_is_tags_then_fields_then_time_without_what_it_lacks(store: Store) -> None:
    store.write("test_input,tag1=tag1_value,tag2=tag2_value field1=1i 500", "foo", "ns")
    store.write('test_input,tag2=x z="s",a=t 501', "foo", "ns")
    (batch,) = store.flush()
    (table,) = batch.table_batches()
    assert list(table) == ["table_name", "rows"]
    first, second = table["rows"]
    assert list(first.items()) == [("tag1", "tag1_value"), ("tag2", "tag2_value"), ("field1", 1), ("time", 500)]
    assert list(second.items()) == [("tag2", "x"), ("z", "s"), ("a", True), ("time", 501)]


def test_rows_are_fresh_with_every_call(store: Store) -> None:
    store.write("m f=1 1", "db", "ns")
    store.write(pa.table({"time": pa.array([2], pa.int64()), "f": [2.0]}), "db", "ns", table="m")
    (batch,) = store.flush()
    batch.table_batches()[0]["rows"][0]["f"] = "spoilt"
    batch.table_batches()[0]["rows"].clear()
    assert batch.table_batches()[0]["rows"] == [{"f": 1.0, "time": 1}, {"f": 2.0, "time": 2}]
    assert store.query_arrow("SELECT f FROM m ORDER BY time", "db")["f"].to_pylist() == [1.0, 2.0]


def test_a_flush_gives_one_batch_per_database_with_tables_in_first_write_order(store: Store) -> None:
    store.write("z f=1\na f=1", "two")
    store.write("m f=1", "one")
    store.write("b f=1\nz f=2", "two")
    batches = store.flush()
    assert [b.database for b in batches] == ["two", "one"]
    assert batches[0].sizes() == [("z", 2), ("a", 1), ("b", 1)]
    assert sum(map(len, batches[0].tables)) == 4
    assert [t["table_name"] for t in batches[0].table_batches("b")] == ["b"]
    assert batches[0].table_batches("absent") == []
    assert store.flush() == []
    assert not store.pending


def test_duplicates_stay_two_rows_for_plugins_and_are_one_row_in_queries(store: Store) -> None:
    store.write("m,t=a f=1 5", "db", "ns")
    store.write("m,t=a f=2 5", "db", "ns")
    assert [row["f"] for row in flushed(store)["m"]] == [1.0, 2.0]
    assert store.query_arrow("SELECT f FROM m", "db")["f"].to_pylist() == [2.0]


SPANS = [0, 25, 5, 12, 3, 21, -3, -12, 9]
IN_ORDER = [0, 5, 3, -3, 9, 25, 21, 12, -12]  # minutes; -3 and 3 share the span around zero


@pytest.mark.parametrize("way", ["lines", "one text", "arrow", "mixed"])
def test_rows_come_by_ten_minute_spans_as_these_came_up_and_within_one_as_written(store: Store, way: str) -> None:
    times = [m * MINUTE for m in SPANS]
    if way == "lines":
        for t in times:
            store.write(f"m f=1 {t}", "db", "ns")
    elif way == "one text":
        store.write("\n".join(f"m f=1 {t}" for t in times), "db", "ns")
    elif way == "arrow":
        store.write(pa.table({"time": times, "f": [1.0] * len(times)}), "db", "ns", table="m")
    else:
        store.write(f"m f=1 {times[0]}\nm f=1 {times[1]}", "db", "ns")
        store.write(pa.table({"time": times[2:6], "f": [1.0] * 4}), "db", "ns", table="m")
        store.write("\n".join(f"m f=1 {t}" for t in times[6:]), "db", "ns")
    assert [row["time"] // MINUTE for row in flushed(store)["m"]] == IN_ORDER


def test_the_span_of_a_dry_run_is_a_minute(store: Store) -> None:
    store.write(f"m f=1 {MINUTE * 2}\nm f=1 0\nm f=1 {MINUTE * 2 + 1}", "db", "ns")
    (batch,) = store.flush(chunk_ns=MINUTE)
    assert [row["time"] for row in batch.table_batches()[0]["rows"]] == [2 * MINUTE, 2 * MINUTE + 1, 0]


def test_rows_of_a_bulk_write_keep_the_order_of_its_lines(store: Store) -> None:
    lines = []
    for i in range(2000):
        lines.append(f"m,host=h{i % 7} temp={i}.5,n={i}i {i}" if i % 3 else f"m,host=h{i % 7} n={i}i,extra=t {i}")
        if i % 50 == 0:
            lines.append(f'm,host=odd\\ one n={i}i,text="a, \\"b\\"" {i}')
        if i % 5 == 0:
            lines.append(f"other,host=x n={i}i {i}")
    text = "\n".join(lines)
    assert len(text) > 10_000
    store.write(text, "db", "ns")
    whole = flushed(store)
    for line in lines:
        store.write(line, "db", "ns")
    single = flushed(store)
    assert whole == single
    assert [[*row] for row in whole["m"]] == [[*row] for row in single["m"]]
    assert [*whole] == [*single]


def test_absent_values_of_a_frame_are_absent_keys(store: Store) -> None:
    frame = pa.table({"f": [1.0, None, 3.0], "t": ["a", None, None], "s": [None, "x", None], "time": [1, 2, None]})
    store.write(frame, "db", "ns", table="m", tags=["t"])
    assert flushed(store)["m"] == [
        {"t": "a", "f": 1.0, "time": 1},
        {"s": "x", "time": 2},
        {"f": 3.0, "time": 1_000},
    ]
