"""Gap filling in SQL (core/iox_query/src/analyzer/handle_gapfill.rs, core/iox_query/src/exec/gapfill/)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

HALF = "where time >= arrow_cast(975, 'Timestamp(Nanosecond, None)') and time <= arrow_cast(1125, 'Timestamp(Nanosecond, None)')"
STRIDE = "date_bin_gapfill(interval '25 nanoseconds', time)"
BINS = [975, 1000, 1025, 1050, 1075, 1100, 1125]
PLAN = "Error during planning: "


def ns(text: str) -> int:
    return int(np.datetime64(text, "ns").astype(int))


@pytest.fixture
def series(database: Any, tags: Callable[..., Any]) -> Any:
    """The rows of the crate's own tests: two series with gaps and missing values."""
    database.put(
        "m",
        {
            "time": [1000, 1075, 1000, 1050, 1100],
            "s": tags(["a", "a", "b", "b", "b"]),
            "x": pa.array([10, None, 20, None, 21], pa.int64()),
        },
    )
    return database


def test_missing_bins_are_null(series: Any) -> None:
    rows = series.rows(f"select {STRIDE} as t, max(x) from m {HALF} and s = 'a' group by t")
    assert rows == list(zip(BINS, [None, 10, None, None, None, None, None], strict=True))


def test_locf_carries_values_on_and_takes_null_for_missing(series: Any) -> None:
    rows = series.rows(f"select s, {STRIDE} as t, locf(max(x)) from m {HALF} group by s, t")
    a, b = [None, 10, 10, 10, 10, 10, 10], [None, 20, 20, 20, 20, 21, 21]
    assert rows == [(s, t, x) for s, xs in (("a", a), ("b", b)) for t, x in zip(BINS, xs, strict=True)]


@pytest.mark.parametrize("kind", [pa.int64(), pa.uint64(), pa.float64()])
def test_interpolate_draws_a_line_over_null_too(database: Any, tags: Callable[..., Any], kind: pa.DataType) -> None:
    database.put(
        "m",
        {
            "time": [1000, 1075, 975, 1000, 1025, 1075, 1125],
            "s": tags(["a", "a", "b", "b", "b", "b", "b"]),
            "x": pa.array([100, 400, 1100, None, 1300, 1350, 1550], kind),
        },
    )
    result = database.arrow(f"select s, {STRIDE} as t, interpolate(max(x)) as x from m {HALF} group by s, t")
    assert result.schema.field("x").type == kind
    a, b = [None, 100, 200, 300, 400, None, None], [1100, 1200, 1300, 1325, 1350, 1450, 1550]
    assert result["x"].to_pylist() == a + b


def test_interpolated_integers_are_cut_and_may_fall(database: Any) -> None:
    values = pa.array([100, 200, None, 1000, 0], pa.uint64())
    database.put("m", {"time": [1100, 1400, 1500, 1700, 1900], "x": values})
    rows = database.rows(
        "select date_bin_gapfill(interval '100 nanoseconds', time) as t, interpolate(max(x)) from m"
        " where time between arrow_cast(1000, 'Timestamp(Nanosecond, None)')"
        " and arrow_cast(2000, 'Timestamp(Nanosecond, None)') group by t"
    )
    expected = [None, 100, 133, 166, 200, 466, 733, 1000, 500, 0, None]
    assert rows == list(zip(range(1000, 2001, 100), expected, strict=True))


def test_counts_fill_with_zero(series: Any) -> None:
    rows = series.rows(
        f"select {STRIDE} as t, count(*), count(x), approx_distinct(x), max(x) from m {HALF} and s = 'a' group by t"
    )
    assert rows[0] == (975, 0, 0, 0, None)
    assert rows[1] == (1000, 1, 1, 1, 10)
    assert rows[4] == (1075, 1, 0, 0, None)


def test_expressions_over_aggregates_are_computed_over_the_filled_rows(series: Any) -> None:
    rows = series.rows(f"select coalesce(max(x), 0) + 1, 2 * count(*) from m {HALF} and s = 'a' group by {STRIDE}")
    assert rows == [(1, 0), (11, 2), (1, 0), (1, 0), (1, 2), (1, 0), (1, 0)]


@pytest.mark.parametrize(
    ("condition", "origin", "first", "last"),
    [
        (">= {0} and time <= {1}", "", "15:55:00", "16:00:00"),
        (">= {0} and time < {1}", "", "15:55:00", "15:59:00"),
        ("> {0} and time <= {1}", "", "15:55:00", "16:00:00"),
        (">= {0} and time <= {1}", ", timestamp '1970-01-01T00:00:09'", "15:54:09", "15:59:09"),
        ("between {0} and {1}", "", "15:55:00", "16:00:00"),
    ],
)
def test_which_bins_there_are(database: Any, condition: str, origin: str, first: str, last: str) -> None:
    """core/iox_query/src/exec/gapfill/params.rs"""
    database.put("m", {"time": [ns("1984-01-01T15:57:30")], "x": [1]})
    where = condition.format("timestamp '1984-01-01T16:00:00Z' - interval '5 minutes'", "'1984-01-01T16:00:00Z'")
    rows = database.rows(
        f"select date_bin_gapfill(interval '1 minute', time{origin}) as t, max(x) from m where time {where} group by t"
    )
    assert (rows[0][0], rows[-1][0]) == (ns(f"1984-01-01T{first}"), ns(f"1984-01-01T{last}"))
    assert [t for t, x in rows if x] == [ns("1984-01-01T15:57:00") + (9_000_000_000 if origin else 0)]


@pytest.mark.parametrize(
    ("where", "bins"),
    [
        ("'1970-01-01T00:10:00Z' > time and '1970-01-01T00:00:00Z' <= time", 10),
        ("(time >= '1970-01-01T00:00:00Z' and (x > 0 and time < '1970-01-01T00:10:00Z'))", 10),
        ("m.time >= $start and m.time < $end", 10),
        ("time >= now() - interval '1 hour' and time <= now()", 61),
        ("time::timestamp >= '1970-01-01' and cast(time as timestamp) < '1970-01-01T00:05:00'", 5),
        ("time >= '1970-01-01T00:03:00Z' and time < '1970-01-01T00:10:00Z' and time >= '1970-01-01T00:00:00Z'", 10),
        ("time = '1970-01-01T00:04:00Z' and time >= '1970-01-01T00:00:00Z' and time < '1970-01-01T00:06:00Z'", 6),
        ("case when x > 0 and x < 9 then true end and time >= '1970-01-01' and time < '1970-01-01T00:02:00'", 2),
    ],
)
def test_bounds_are_found_in_the_conditions(database: Any, where: str, bins: int) -> None:
    """The condition that is seen last wins, not the tightest (range_predicate.rs)."""
    database.now_ns = ns("1970-01-01T01:00:00")
    database.put("m", {"time": [ns("1970-01-01T00:04:00"), ns("1970-01-01T00:01:00")], "x": [1, 2]})
    params = {"start": "1970-01-01T00:00:00Z", "end": "1970-01-01T00:10:00Z"}
    sql = f"select date_bin_gapfill(interval '1 minute', time) as t, count(*) from m where {where} group by t"
    assert len(database.rows(sql, params)) == bins


@pytest.mark.parametrize(
    "source",
    [
        f"(select * from m {HALF})",
        f"(select * from m {HALF}) as inner_query",
        f"(select s, x, time from m as y {HALF} order by time limit 100) z",
        f"(select s, x, ts as time from (select s, x, time as ts from m {HALF}))",
        f"(select distinct * from m {HALF})",
    ],
)
def test_bounds_are_found_in_the_query_below(series: Any, source: str) -> None:
    assert len(series.rows(f"select {STRIDE} as t, max(x) from {source} group by t")) == 7


def test_bounds_are_found_in_a_with_clause(series: Any) -> None:
    sql = f"with a as (select * from m {HALF}), b as (select * from a) select {STRIDE} as t, max(x) from b group by t"
    assert len(series.rows(sql)) == 7


@pytest.mark.parametrize(
    "source",
    [
        f"(select *, row_number() over (order by x) as n from m {HALF}) as y",
        f"(select s, x, time + interval '1 second' as time from m {HALF}) as y",
        f"(select time, max(x) as x from m {HALF} group by time) as y",
    ],
)
def test_bounds_are_not_looked_for_below_what_changes_the_rows(series: Any, source: str) -> None:
    error = series.refuse(f"select {STRIDE} as t, max(x) from {source} group by t")
    assert error.message == f"{PLAN}gap-filling query is missing both upper and lower time bounds"


def test_the_inner_condition_wins(series: Any) -> None:
    inner = HALF.replace("1125", "1200")
    assert len(series.rows(f"select {STRIDE} as t, max(x) from (select * from m {inner}) {HALF} group by t")) == 10


@pytest.mark.parametrize(
    ("where", "missing"),
    [
        ("", "both upper and lower time bounds"),
        ("where x > 0", "both upper and lower time bounds"),
        ("where time >= '1970-01-01'", "upper time bound"),
        ("where time < '1970-01-01'", "lower time bound"),
        ("where time = '1970-01-01'", "both upper and lower time bounds"),
        ("where time >= '1970-01-01' and time < '1970-01-02' or x > 0", "both upper and lower time bounds"),
        ("where not (time >= '1970-01-01' and time < '1970-01-02')", "both upper and lower time bounds"),
        ("where time not between '1970-01-01' and '1970-01-02'", "both upper and lower time bounds"),
    ],
)
def test_a_range_that_is_open_is_refused(series: Any, where: str, missing: str) -> None:
    error = series.refuse(f"select {STRIDE} as t, max(x) from m {where} group by t")
    assert (error.message, error.status) == (f"{PLAN}gap-filling query is missing {missing}", 400)
    assert "WHERE time" in error.mend


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        (f"select {STRIDE} from m {HALF}", "date_bin_gapfill may only be used as a GROUP BY expression"),
        (
            f"select max(x) from m {HALF} and {STRIDE} > time group by {STRIDE}",
            "date_bin_gapfill may only be used as a GROUP BY expression",
        ),
        (
            f"select date_bin_wallclock_gapfill(interval '1 day', time) from m {HALF}",
            "date_bin_wallclock_gapfill may only be used as a GROUP BY expression",
        ),
        (
            f"select max(x) from m {HALF} group by {STRIDE} + interval '1 day'",
            "DATE_BIN_GAPFILL must be a top-level expression in the GROUP BY clause when gap filling. It cannot be part of"
            " another expression or cast",
        ),
        (
            f"select max(x) from m {HALF} group by cast({STRIDE} as bigint)",
            "DATE_BIN_GAPFILL must be a top-level expression in the GROUP BY clause when gap filling. It cannot be part of"
            " another expression or cast",
        ),
        (
            f"select max(x) from m {HALF} group by {STRIDE}, date_bin_gapfill(interval '1 day', time)",
            "DATE_BIN_GAPFILL specified more than once",
        ),
        (
            f"select max(x) from m {HALF} group by date_bin_gapfill(interval '1 day')",
            "DATE_BIN_GAPFILL expects 2 or 3 arguments, got 1",
        ),
        (
            f"select max(x) from m {HALF} group by date_bin_gapfill(case when x > 1 then interval '1 day' else interval '1 hour' end, time)",
            "stride argument to DATE_BIN_GAPFILL for gap fill query must evaluate to a scalar",
        ),
        (
            f"select max(x) from m {HALF} group by date_bin_gapfill(interval '1 day', time, time)",
            "origin argument to DATE_BIN_GAPFILL for gap fill query must evaluate to a scalar",
        ),
        (
            f"select max(x) from m {HALF} group by date_bin_gapfill(interval '1 day', time + interval '1 day')",
            "DATE_BIN_GAPFILL requires a column as the source argument",
        ),
        (
            f"select max(x) from m where time >= time and time < '1970-01-02' group by {STRIDE}",
            "lower time bound for gap fill query must evaluate to a scalar",
        ),
        (
            f"select max(x) from m where time >= '1970-01-01' and time < x::timestamp group by {STRIDE}",
            "upper time bound for gap fill query must evaluate to a scalar",
        ),
        ("select locf(x) from m", "locf may only be used in the SELECT list of a gap-filling query"),
        ("select interpolate(max(x)) from m", "interpolate may only be used in the SELECT list of a gap-filling query"),
        (
            f"select max(x) from m {HALF} and locf(x) > 0 group by {STRIDE}",
            "locf may only be used in the SELECT list of a gap-filling query",
        ),
        (
            f"select locf(max(x)) from m {HALF} group by {STRIDE} having count(*) > 0",
            "locf may only be used in the SELECT list of a gap-filling query",
        ),
        (
            f"select locf(s) from m {HALF} group by {STRIDE}, s",
            "locf must be called on an aggregate column in a gap-filling query",
        ),
        (
            f"select interpolate(max(x) + 1) from m {HALF} group by {STRIDE}",
            "interpolate must be called on an aggregate column in a gap-filling query",
        ),
        (
            f"select interpolate(min(s)) from m {HALF} group by {STRIDE}",
            "Failed to coerce arguments to satisfy a call to 'interpolate' function: coercion from Utf8 to the signature"
            " OneOf([Exact([Float64]), ",
        ),
    ],
)
def test_where_the_functions_may_not_stand(series: Any, sql: str, text: str) -> None:
    error = series.refuse(sql)
    assert error.message.startswith(PLAN + text)
    assert (error.status, error.stage) == (400, "planning")


def test_a_column_is_filled_in_one_way(series: Any) -> None:
    error = series.refuse(f"select locf(max(x)), interpolate(max(x)) from m {HALF} group by {STRIDE}")
    assert (error.message, error.status) == (
        "This feature is not implemented: multiple fill strategies for the same column", 405,
    )  # fmt: skip


def test_the_way_holds_for_the_column_wherever_it_stands(series: Any) -> None:
    rows = series.rows(f"select max(x), locf(max(x)) from m {HALF} and s = 'a' group by {STRIDE}")
    assert rows == [(None, None), *[(10, 10)] * 6]


@pytest.mark.parametrize(
    ("stride", "text"),
    [
        ("interval '1 month'", "Execution error: gap filling does not support month intervals"),
        ("interval '-1 day'", "Execution error: gap filling expects a positive stride"),
    ],
)
def test_strides_that_cannot_be_filled(series: Any, stride: str, text: str) -> None:
    for name in ("date_bin_gapfill", "date_bin_wallclock_gapfill"):
        error = series.refuse(f"select max(x) from m {HALF} group by {name}({stride}, time)")
        assert (error.message, error.stage) == (text, "streaming")


def test_a_result_without_end_is_refused(series: Any) -> None:
    sql = f"select max(x) from m where time >= '1970-01-01' and time < '2070-01-01' group by {STRIDE}"
    error = series.refuse(sql)
    assert error.message.startswith("Resources exhausted: gap filling would make ")
    assert "sql.gapfill.size" in error.mend


def test_no_rows_give_no_bins(series: Any) -> None:
    assert series.rows(f"select {STRIDE} as t, count(*) from m {HALF} and s = 'z' group by t") == []


def test_a_series_without_rows_in_the_range_is_absent(series: Any) -> None:
    half = HALF.replace("975", "1100")
    assert {s for s, _ in series.rows(f"select s, count(*) from m {half} group by s, {STRIDE}")} == {"b"}


@pytest.mark.parametrize(
    "group",
    ["1, 2", "t, s", "s, t", f"{STRIDE}, s", "m.s, (t)", "S, DATE_BIN_GAPFILL(INTERVAL '25 nanoseconds', Time)"],
)
def test_groups_may_be_written_in_many_ways(series: Any, group: str) -> None:
    rows = series.rows(f"select {STRIDE} as t, s, sum(x) from m {HALF} group by {group} order by s, t")
    assert [(t, s) for t, s, _ in rows] == [(t, s) for s in "ab" for t in BINS]


def test_a_column_comes_before_an_alias_of_its_name(series: Any) -> None:
    """The alias is hidden by the column, so the function is not what is grouped by."""
    error = series.refuse(f"select {STRIDE} as time, max(x) from m {HALF} group by time")
    assert error.message == f"{PLAN}date_bin_gapfill may only be used as a GROUP BY expression"
    assert len(series.rows(f"select {STRIDE} as time, max(x) from m {HALF} group by 1")) == 7


def test_series_come_in_order_null_first(database: Any, tags: Callable[..., Any]) -> None:
    database.put("m", {"time": [1000] * 4, "s": tags(["b", None, "a", "c"]), "n": [1, 2, 2, 1], "x": [1, 2, 3, 4]})
    rows = database.rows(f"select n, s, max(x) from m {HALF} group by n, s, {STRIDE}")
    assert list(dict.fromkeys((n, s) for n, s, _ in rows)) == [(1, "b"), (1, "c"), (2, None), (2, "a")]
    assert len(rows) == 28


def test_tags_stay_tags(series: Any) -> None:
    kind = series.arrow(f"select s, max(x) from m {HALF} group by s, {STRIDE}").schema.field("s").type
    assert kind == pa.dictionary(pa.int32(), pa.utf8())


def test_rows_without_a_time_come_first_and_are_not_carried_on(database: Any, tags: Callable[..., Any]) -> None:
    """core/iox_query/src/exec/gapfill/exec_tests.rs"""
    times = [None, 975, 1000, 1025, 1050, 1100, None, 975, 1025, 1050, 1100]
    table = pa.table(
        {
            "time": pa.array([0] * 11, pa.int64()),
            "t": pa.array(times, pa.int64()).cast(pa.timestamp("ns")),
            "s": tags(list("aaaaaabbbbb")),
            "x": pa.array([-1, 10, None, None, None, 12, -2, None, 21, None, 22], pa.int64()),
        }
    )
    database.put("m", table)
    where = HALF.replace("where time >=", "where t is null or t >=").replace("time <=", "t <=")
    inner = f"(select * from m {HALF.replace('time', 't')} union all select * from m where t is null)"
    sql = "select s, date_bin_gapfill(interval '25 nanoseconds', t) as b, locf(max(x)) from {} {} group by s, b"
    assert "missing both" in database.refuse(sql.format("m", where)).message  # OR is no bound
    assert "missing both" in database.refuse(sql.format(inner, "")).message  # nor is what stands in a UNION


def test_selectors_can_be_filled(series: Any) -> None:
    rows = series.rows(
        f"select {STRIDE} as t, locf(selector_last(x, time))['value'] as v from m {HALF} and s = 'b' group by t"
    )
    assert [v for _, v in rows] == [None, 20, 20, 20, 20, 21, 21]
    result = series.arrow(f"select interpolate(selector_max(x, time)) as v from m {HALF} and s = 'b' group by {STRIDE}")
    values = [v["value"] for v in result["v"].to_pylist()]
    assert values == [None, 20, 20, 20, 20, 21, None]
    assert [v["time"] is not None for v in result["v"].to_pylist()] == [False, True, False, False, False, True, False]


def test_the_select_goes_on_over_the_filled_rows(series: Any) -> None:
    sql = f"select upper(s) as u, {STRIDE} as t, count(*) as n from m {HALF} group by s, t"
    assert len(series.rows(f"{sql} having count(*) = 0")) == 9
    assert series.rows(f"{sql} order by n desc, s desc, t limit 2") == [("B", 1000, 1), ("B", 1050, 1)]
    assert series.rows(f"select distinct count(*) as n from m {HALF} group by s, {STRIDE} order by n") == [(0,), (1,)]
    assert series.rows(f"select t, sum(n) from ({sql}) group by t order by t limit 2") == [(975, 0), (1000, 2)]
    joined = f"with g as ({sql}) select g.t, m.x from g join m on g.t = m.time and g.u = upper(m.s) order by 1, 2"
    assert len(series.rows(joined)) == 5


def test_window_functions_run_over_the_filled_rows(series: Any) -> None:
    rows = series.rows(
        f"select {STRIDE} as t, sum(count(*)) over (order by {STRIDE}) as n from m {HALF} group by t order by t"
    )
    assert [n for _, n in rows] == [0, 2, 2, 3, 4, 5, 5]
    error = series.refuse(f"select locf(max(x)), sum(count(*)) over () from m {HALF} group by {STRIDE}")
    assert "locf may only be used in the SELECT list" in error.message


def test_aggregates_may_have_filters_and_orders(series: Any) -> None:
    rows = series.rows(
        f"select count(*) filter (where s = 'a'), first_value(x order by time) from m {HALF} group by {STRIDE}"
    )
    assert rows[:3] == [(0, None), (1, 10), (0, None)] or rows[:3] == [(0, None), (1, 20), (0, None)]


def test_columns_are_named_as_on_the_server(series: Any) -> None:
    names = series.arrow(
        f"select {STRIDE}, s, max(x), locf(min(x)), interpolate(avg(x)) from m {HALF} group by 1, 2"
    ).column_names
    interval = 'IntervalMonthDayNano("IntervalMonthDayNano { months: 0, days: 0, nanoseconds: 25 }")'
    assert names == [f"date_bin_gapfill({interval},m.time)", "s", "max(m.x)", "locf(min(m.x))", "interpolate(avg(m.x))"]


@pytest.mark.parametrize(
    ("sql", "row"),
    [(f"select max(x) from m {HALF} group by rollup({STRIDE})", "sql.gapfill.grouping")],
)
def test_what_the_kit_cannot_do_names_the_ledgers_row(series: Any, sql: str, row: str) -> None:
    error = series.refuse(sql)
    assert row in error.mend
    assert error.status == 405


def test_other_errors_of_the_statement_come_from_the_planner(series: Any) -> None:
    assert "No field named nope" in series.refuse(f"select max(nope) from m {HALF} group by {STRIDE}").message
    assert (
        "must appear in the GROUP BY clause"
        in series.refuse(f"select s, max(x) from m {HALF} group by {STRIDE}").message
    )
    assert "'public.iox.zzz' not found" in series.refuse(f"select max(x) from zzz {HALF} group by {STRIDE}").message
    assert series.refuse(f"select max(x) frm m {HALF} group by {STRIDE}").message.startswith("SQL error: ParserError(")


@pytest.mark.parametrize(
    "group", ["concat(s, 'x')", "substr(s, 1, 1)", "null", "x > 10", "time::date", "x::decimal(9, 2)"]
)
def test_groups_of_any_plain_type(series: Any, group: str) -> None:
    """Some functions give text that Arrow keeps as views."""
    sql = f"select {group} as k, {STRIDE} as t, max(substr(s, 1, 1)) as y from m {HALF} group by k, t"
    filled = series.arrow(sql)
    assert filled.num_rows % len(BINS) == 0
    assert filled.schema.field("k").type == series.arrow(f"select {group} as k from m").schema.field("k").type
    assert filled["y"].null_count == filled.num_rows - 5 + (group in ("null", "time::date")) * 1


@pytest.mark.parametrize("group", ["named_struct('a', x)", "make_array(x)", "interval '1 day'"])
def test_groups_that_arrow_cannot_tell_apart_are_refused(series: Any, group: str) -> None:
    error = series.refuse(f"select {group} as k, {STRIDE} as t, max(x) from m {HALF} group by k, t")
    assert error.message.startswith("This feature is not implemented: gap filling of these types")
    assert "sql.gapfill.types" in error.mend


def test_a_count_may_be_carried_on(series: Any) -> None:
    sql = (
        f"select s, {STRIDE} as t, locf(count(x)) as a, interpolate(count(distinct s)) as b from m {HALF} group by s, t"
    )
    assert series.rows(sql)[:7] == [
        ("a", t, a, b) for t, a, b in zip(BINS, [None, 1, 1, 1, 0, 0, 0], [None, 1, 1, 1, 1, None, None], strict=True)
    ]
