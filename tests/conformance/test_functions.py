"""InfluxDB's SQL functions (core/query_functions/src, core/iox_query/src/exec/gapfill)."""

from __future__ import annotations

import pytest

from pe_kit import Engine
from pe_kit.errors import QueryError

MINUTE = 60 * 10**9


@pytest.fixture
def cpu(engine: Engine) -> Engine:
    points = [("a", 1, 10.0), ("a", 4, 40.0), ("b", 2, 5.0)]
    engine.write("\n".join(f"cpu,host={h} v={v} {n * MINUTE}" for h, n, v in points), "db", precision="ns")
    engine.write(f"cpu,host=old v=1 {99 * MINUTE}\ncpu,host=a w=1 {2 * MINUTE}", "db", precision="ns")
    return engine


def gaps(engine: Engine, columns: str, where: str = "time >= '1970-01-01T00:01:00' AND time < '1970-01-01T00:05:00'"):
    sql = (
        f"SELECT host, date_bin_gapfill(INTERVAL '1 minute', time) AS t, {columns} FROM cpu WHERE {where} GROUP BY 1, 2"
    )
    frame = engine.query(f"{sql} ORDER BY 1, 2", "db").drop(columns="t")
    return [[None if x != x else x for x in row] for row in frame.astype(object).values.tolist()]


def test_to_timestamp_takes_nanoseconds(engine: Engine):
    assert engine.query_arrow("SELECT to_timestamp(5) AS t", "db")["t"].cast("int64").to_pylist() == [5]
    with pytest.raises(QueryError, match="to_timestamp supports either 1 argument"):
        engine.query("SELECT to_timestamp(1.5)", "db")


def test_gap_filling(cpu: Engine):
    assert gaps(cpu, "count(v), avg(v), locf(max(v)) AS l, interpolate(min(v)) AS i") == [
        ["a", 1, 10.0, 10.0, 10.0],
        ["a", 0, None, 10.0, 20.0],
        ["a", 0, None, 10.0, 30.0],
        ["a", 1, 40.0, 40.0, 40.0],
        ["b", 0, None, None, None],
        ["b", 1, 5.0, 5.0, 5.0],
        ["b", 0, None, 5.0, None],
        ["b", 0, None, 5.0, None],
    ]
    for where, text in [
        ("time = '1970-01-01T00:01:00'", "missing both upper and lower time bounds"),
        ("time >= '1970-01-01T00:01:00'", "missing upper time bound"),
        ("time < '1970-01-01T00:05:00'", "missing lower time bound"),
    ]:
        with pytest.raises(QueryError, match=f"gap-filling query is {text}"):
            gaps(cpu, "avg(v)", where)


def test_gap_filling_of_an_absurd_range_is_refused(cpu: Engine):
    with pytest.raises(QueryError, match="gap filling would make"):
        gaps(cpu, "avg(v)", "time >= '1700-01-01' AND time < '2200-01-01'")


def test_gap_filling_is_a_whole_group_by_expression(cpu: Engine):
    where = "time >= '1970-01-01T00:01:00' AND time < '1970-01-01T00:05:00'"
    call = "date_bin_gapfill(INTERVAL '1 minute', time)"
    assert len(cpu.query(f"SELECT {call} AS t, count(v) FROM cpu WHERE {where} GROUP BY t", "db")) == 4
    for sql, text in [
        (f"SELECT {call}::varchar AS t, count(v) FROM cpu WHERE {where} GROUP BY 1", "must be a top-level expression"),
        (f"SELECT {call} FROM cpu WHERE {where}", "date_bin_gapfill may only be used as a GROUP BY expression"),
    ]:
        with pytest.raises(QueryError, match=text):
            cpu.query(sql, "db")


def test_selectors_give_structs(engine: Engine):
    engine.write("s v=2,o=1 1\ns o=2 2\ns v=5,o=3 3\ns v=5,o=4 4\ns o=5 5", "db", precision="ns")
    sql = (
        "SELECT selector_first(v, time)['value'] AS first, selector_last(v, time, o)['other_1'] AS other, "
        "selector_max(v, time)['time']::bigint AS top, selector_min(v, time)['value'] AS low FROM s"
    )
    assert engine.query(sql, "db").values.tolist() == [[2.0, 4.0, 3.0, 2.0]]
    assert engine.query_arrow("SELECT selector_last(v, time) AS s FROM s WHERE v IS NULL", "db")["s"].to_pylist() == [
        None
    ]


def test_derivative_and_difference_exist(engine: Engine):
    engine.write("\n".join(f"d v={v} {n * 10**9}" for n, v in enumerate((1.0, 4.0, 2.0))), "db", precision="ns")
    over = "OVER (ORDER BY time)"
    sql = (
        f"SELECT difference(v) {over} AS a, non_negative_difference(v) {over} AS b, "
        f"derivative(v, time, INTERVAL '2 seconds') {over} AS c, non_negative_derivative(v, time) {over} AS d FROM d "
        "ORDER BY time"
    )
    rows = engine.query_arrow(sql, "db").to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        (None, None, None, None),
        (3.0, 3.0, 6.0, 3.0),
        (-2.0, None, -4.0, None),
    ]


def test_only_datafusions_functions_are_listed(engine: Engine) -> None:
    listed = set(engine.query("SELECT routine_name FROM information_schema.routines", "db")["routine_name"])
    assert "date_bin" in listed
    assert not listed & {"date_bin_gapfill", "locf", "selector_first"}


def test_an_unknown_function_is_answered_with_a_near_name(engine: Engine) -> None:
    with pytest.raises(QueryError, match="Did you mean 'date_bin'"):
        engine.query("SELECT date_bni(time) FROM information_schema.tables", "db")


def test_a_query_that_fails_after_planning_is_worded_as_a_running_one(engine: Engine) -> None:
    with pytest.raises(QueryError) as caught:
        engine.query("SELECT 1 / 0", "db")
    assert caught.value.stage == "streaming"


def test_a_selector_skips_rows_without_a_value_whatever_their_time(engine: Engine) -> None:
    engine.load("nulltime f=2,t=2i 2\nnulltime t=1i 1\nnulltime f=1 3", "db", precision="ns")
    sql = "SELECT selector_min(f, to_timestamp(t))['value'] AS v FROM nulltime"
    assert engine.query(sql, "db").v.tolist() == [1.0]
