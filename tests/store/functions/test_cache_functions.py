"""last_cache() and distinct_cache() in SQL (influxdb3_cache/src/{last_cache,distinct_cache}/table_function.rs)."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest


@pytest.fixture
def cached(cpu: Any) -> Any:
    cpu.caches["last", "cpu", None] = pa.table({"host": ["a", "b"], "usage": [1.0, 2.0]})
    cpu.caches["last", "cpu", "mine"] = pa.table({"host": ["z"]})
    cpu.caches["distinct", "cpu", None] = pa.table({"host": pa.array(["a", None], pa.string_view())})
    return cpu


def test_they_are_tables(cached: Any) -> None:
    assert cached.rows("select * from last_cache('cpu') where usage > 1") == [("b", 2.0)]
    assert cached.rows("select count(*) from last_cache('cpu', 'mine')") == [(1,)]
    assert cached.rows("select l.usage from last_cache('cpu') l join cpu using (host) order by 1 limit 1") == [(1.0,)]
    assert cached.arrow("select * from distinct_cache('cpu')").schema.field("host").type == pa.string_view()
    assert (
        cached.arrow("select cast(host as varchar) as h from distinct_cache('cpu')").schema.field("h").type == pa.utf8()
    )


def test_every_query_sees_the_cache_as_it_is(cached: Any) -> None:
    cached.rows("select * from last_cache('cpu')")
    cached.caches["last", "cpu", None] = pa.table({"host": ["c"]})
    assert cached.rows("select * from last_cache('cpu')") == [("c",)]


@pytest.mark.parametrize("kind", ["last_cache", "distinct_cache"])
@pytest.mark.parametrize(
    ("args", "text"),
    [
        ("", "first argument must be the table name as a string"),
        ("5", "first argument must be the table name as a string"),
        ("null", "first argument must be the table name as a string"),
        ("$table", "first argument must be the table name as a string"),
        ("'cpu', 5", "second argument, if passed, must be the cache name as a string"),
        ("'cpu', null", "second argument, if passed, must be the cache name as a string"),
    ],
)
def test_their_arguments_are_texts(cached: Any, kind: str, args: str, text: str) -> None:
    error = cached.refuse(f"select * from {kind}({args})", {"table": "cpu"})
    assert (error.message, error.status) == (f"Error during planning: {text}", 400)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select region from distinct_cache('m')", [(None,), ("a",), ("b",)]),
        ("select d.region from distinct_cache('m') as d where d.region is not null", [("a",), ("b",)]),
        ("select region, host from distinct_cache('m')", [(None, "x"), ("a", "x"), ("a", "y"), ("b", "x")]),
        ("select host from distinct_cache('m')", [("x",), ("x",), ("y",), ("x",)]),
        ("select region from distinct_cache('m') where host = 'x'", [(None,), ("a",), ("b",)]),
        (
            "select * from distinct_cache('m')",
            [(None, "x", 1), ("a", "x", 1), ("a", "y", 1), ("a", "y", 2), ("b", "x", 1)],
        ),
        ("select count(*) from distinct_cache('m')", [(5,)]),
    ],
)
def test_a_distinct_cache_is_read_no_deeper_than_its_columns_are_asked_for(cpu: Any, sql: str, expected: Any) -> None:
    view = pa.string_view()
    rows = [(None, "x", "1"), ("a", "x", "1"), ("a", "y", "1"), ("a", "y", "2"), ("b", "x", "1")]
    columns = dict(zip(("region", "host", "core"), zip(*rows, strict=True), strict=True))
    cpu.caches["distinct", "m", None] = pa.table({n: pa.array(c, view) for n, c in columns.items()})
    found = [tuple(int(x) if x in ("1", "2") else x for x in row) for row in cpu.rows(sql)]
    assert found == expected


def test_what_the_cache_says_goes_through(cached: Any) -> None:
    error = cached.refuse("select * from last_cache('cpu', 'nope')")
    assert error.message == "Error during planning: could not find cache for the given arguments"
