"""What comes back from a query: columns, their order and types (influxdb3_catalog, core/schema/src/lib.rs)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pytest

TAG = pa.dictionary(pa.int32(), pa.utf8())
NS = pa.timestamp("ns")


def test_columns_come_byte_sorted_time_among_them(database: Any, tags: Callable[..., Any]) -> None:
    database.put("m", {"time": [1], "usage": [1.0], "Zed": [1], "host": tags(["a"]), "region": tags(["x"])})
    assert database.arrow("select * from m").column_names == ["Zed", "host", "region", "time", "usage"]


def test_names_without_quotes_are_lower_cased(database: Any) -> None:
    database.put("CPU", {"time": [1], "Idle": [2.0]})
    assert database.rows('select "Idle" from "CPU"') == [(2.0,)]
    assert database.refuse("select * from CPU").message == "Error during planning: table 'public.iox.cpu' not found"


def test_functions_may_be_written_in_any_case(cpu: Any) -> None:
    assert cpu.rows("SELECT MAX(Usage) FROM Cpu") == [(10.0,)]


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ("count(*)", pa.int64()), ("count(distinct host)", pa.int64()), ("sum(n)", pa.int64()), ("sum(u)", pa.uint64()),
        ("approx_distinct(n)", pa.uint64()), ("min(time)", NS), ("max(time)", NS), ("avg(n)", pa.float64()),
        ("sum(usage)", pa.float64()), ("median(usage)", pa.float64()), ("stddev(usage)", pa.float64()),
        ("bool_and(up)", pa.bool_()), ("min(host)", pa.utf8()), ("max(host)", pa.utf8()),
        ("array_agg(n)", pa.list_(pa.int64())), ("string_agg(note, ',')", pa.large_utf8()),
    ],
)  # fmt: skip
def test_aggregates_have_the_servers_types(cpu: Any, expression: str, kind: pa.DataType) -> None:
    assert cpu.arrow(f"select {expression} as x from cpu").schema.field("x").type == kind


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ("time::bigint", pa.int64()), ("n / 2", pa.int64()), ("abs(n)", pa.int64()), ("1", pa.int64()),
        ("date_trunc('hour', time)", NS), ("date_bin(interval '1 minute', time)", NS), ("now()", NS),
        ("time + interval '1 day'", NS), ("n * 1.5", pa.float64()), ("round(usage)", pa.float64()),
        ("extract(epoch from time)", pa.float64()), ("n > 1", pa.bool_()), ("note is null", pa.bool_()),
        ("host", TAG), ("coalesce(host, 'x')", TAG), ("host || 'x'", pa.utf8()), ("upper(host)", pa.utf8()),
        ("concat(note, 'x')", pa.utf8()), ("cast(n as varchar)", pa.utf8()), ("to_char(time, '%Y')", pa.utf8()),
        ("date_part('hour', time)", pa.int32()), ("length(note)", pa.int32()), ("n::int", pa.int32()),
        ("n::real", pa.float32()), ("current_date", pa.date32()), ("time - time", pa.duration("ns")),
        ("interval '1 day'", pa.month_day_nano_interval()), ("sha256('x')", pa.binary()),
        ("substr(note, 1)", pa.string_view()), ("concat(host, 'x')", pa.string_view()), ("md5('x')", pa.string_view()),
        ("null", pa.null()), ("to_timestamp_seconds(1)", pa.timestamp("s")),
        ("row_number() over (order by time)", pa.uint64()), ("lag(usage) over (order by time)", pa.float64()),
    ],
)  # fmt: skip
def test_expressions_have_the_servers_types(cpu: Any, expression: str, kind: pa.DataType) -> None:
    """Measured with DataFusion 51 under the server's settings; a later release would differ in some."""
    assert cpu.arrow(f"select {expression} as x from cpu").schema.field("x").type == kind


def test_nulls_are_kept(cpu: Any) -> None:
    assert cpu.rows("select note, up from cpu order by time") == [("x", True), (None, False), ("z", None)]


def test_no_rows_keep_their_columns(cpu: Any) -> None:
    empty = cpu.arrow("select * from cpu where host = 'zzz'")
    assert (empty.num_rows, empty.column_names) == (0, ["host", "n", "note", "time", "u", "up", "usage"])


def test_a_table_without_rows_can_be_read(database: Any) -> None:
    database.put("m", pa.table({"time": pa.array([], NS), "f": pa.array([], pa.float64())}))
    assert database.rows("select count(*), max(f) from m") == [(0, None)]


def test_tables_reach_the_sql_engine_without_a_copy(database: Any, tags: Callable[..., Any]) -> None:
    """All buffers of the result lie within the stored ones: nothing was copied on the way in or out."""
    n = 20_000  # more than one of DataFusion's batches
    database.put("m", {"time": list(range(n)), "f": [0.5] * n, "s": ["text"] * n, "host": tags(["a", "b"] * (n // 2))})
    stored = pa.Table.from_batches(database.tables["m"].batches())
    read = database.arrow("select * from m")

    def buffers(column: pa.ChunkedArray) -> list[pa.Buffer]:
        return [b for chunk in column.chunks for b in chunk.buffers() if b is not None and b.size]

    for name in ("time", "f", "s", "host"):
        whole = [(b.address, b.address + b.size) for b in buffers(stored[name])]
        assert len(read[name].chunks) > 1
        assert all(any(low <= b.address < high for low, high in whole) for b in buffers(read[name]))


def test_a_table_is_handed_over_once_until_it_changes(database: Any) -> None:
    table = database.put("m", {"time": [1], "f": [1.0]})
    for _ in range(3):
        assert database.rows("select f from m") == [(1.0,)]
    assert table.reads == 1
    database.put("m", {"time": [1, 2], "f": [1.0, 2.0]})
    assert database.rows("select f from m order by time") == [(1.0,), (2.0,)]
    assert table.reads == 2


def test_tables_that_a_query_does_not_name_are_left_alone(database: Any) -> None:
    other = database.put("other", {"time": [1]})
    database.put("m", {"time": [1]})
    database.rows("select * from m")
    assert other.reads == 0


def test_a_new_column_shows_at_once(database: Any) -> None:
    database.put("m", {"time": [1], "f": [1.0]})
    assert database.arrow("select * from m").column_names == ["f", "time"]
    database.put("m", {"time": [1], "f": [1.0], "b": [True]})
    assert database.arrow("select * from m").column_names == ["b", "f", "time"]


def test_a_deleted_table_is_gone_and_a_new_one_of_its_name_is_another(database: Any) -> None:
    database.put("m", {"time": [1], "f": [1.0]})
    database.rows("select * from m")
    del database.tables["m"]
    assert "not found" in database.refuse("select * from m").message
    database.put("m", {"time": [1], "g": ["x"]})
    assert database.rows("select g from m") == [("x",)]


def test_the_schema_may_change_while_queries_run(database: Any) -> None:
    """Queries of several threads and a writer that adds columns: each query sees one whole state."""
    database.put("m", {"time": [1], "f0": [0]})

    def read(_: int) -> bool:
        columns = database.arrow("select * from m").column_names
        return columns == sorted(columns) and "f0" in columns

    with ThreadPoolExecutor(4) as pool:
        seen = pool.map(read, range(40))
        for i in range(20):
            database.put("m", {"time": [1], **{f"f{j}": [j] for j in range(i + 2)}})
        assert all(seen)
    assert len(database.arrow("select * from m").column_names) == 22


def test_large_tables_run_on_all_cores_and_give_the_same(database: Any) -> None:
    n = 1_200_000
    database.put("m", pa.table({"time": pa.array(range(n), NS), "n": pa.array(range(n), pa.int64())}))
    assert database.rows("select count(*), sum(n) from m") == [(n, n * (n - 1) // 2)]


def test_rows_of_a_small_table_come_in_stored_order(database: Any) -> None:
    database.put("m", {"time": list(range(50_000)), "n": list(range(50_000))})
    assert [n for (n,) in database.rows("select n from m where n % 3 = 0")] == list(range(0, 50_000, 3))


def test_a_union_of_what_can_be_null_and_what_cannot(database: Any) -> None:
    database.put("m", {"time": [1], "x": [None]})
    rows = database.rows("select x from m union all select {'a': 1}['a'] order by 1")
    assert rows == [(1,), (None,)]
    unordered = database.rows("select cast(x as bigint) as x from m union all select {'a': 1}['a']")
    assert sorted(unordered, key=str) == [(1,), (None,)]


def test_a_query_sees_each_table_in_one_state_while_others_write(database: Any) -> None:
    """Also when it is planned more than once, and when something is written every time that a table is looked at."""

    class Restless(type(database.put("m", {"time": [1], "x": [1]}))):  # type: ignore[misc]
        @property
        def version(self) -> int:
            self.looks += 1
            return self.looks

        @version.setter
        def version(self, _: int) -> None:
            self.looks = 0

    database.tables["m"] = Restless(pa.table({"time": pa.array([1], NS), "x": [1]}))
    sql = "select date_bin_gapfill(interval '1 nanosecond', time) as t, count(*) from m where time between $a and $b group by t"
    assert len(database.rows(sql, {"a": "1970-01-01", "b": "1970-01-01T00:00:00.000000009"})) == 10
    assert database.tables["m"].reads == 1


def test_names_with_nul(database: Any) -> None:
    """Line protocol allows them in keys; Arrow's C interface, through which rows go, ends names there."""
    text = pa.array(["x\0y"])
    database.put("m", {"time": [1], "f": [1.0], "f\0g": text})
    assert database.arrow("select * from m").column_names == ["f", "f\N{SYMBOL FOR NULL}g", "time"]
    assert database.rows("select f from m where \"f\0g\" = 'x\0y'") == [(1.0,)]
    assert database.rows("select 'x\0y' as z from m order by 'a\0b'") == [("x\0y",)]


@pytest.mark.parametrize(
    "sql",
    ["select 'x\0y' from m", "select named_struct('a\0', f) as x from m", "select 'x\0y' union all select 'z'",
     "select tz(time) is null or f::varchar = 'x\0y' from m", "select influx_regex_match('x', 'a\0'), lag(f) over (order by f) from m"],
)  # fmt: skip
def test_a_result_column_with_nul_in_its_name_is_refused(database: Any, sql: str) -> None:
    """The wheel would end the process."""
    database.put("m", {"time": [1], "f": [1.0]})
    error = database.refuse(sql)
    assert "a NUL character in the name of a column" in error.message
    assert "sql.nul" in error.mend
