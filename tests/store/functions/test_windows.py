"""difference, derivative and their non-negative forms (core/query_functions/src/{difference,derivative,non_negative}.rs)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

SECOND = 1_000_000_000


@pytest.fixture
def m(database: Any, tags: Callable[..., Any]) -> Any:
    database.put(
        "m",
        {
            "time": [i * SECOND for i in (1, 2, 3, 4, 6, 6)],
            "x": pa.array([None, 1, 5, None, 4, 4], pa.int64()),
            "f": [1.0, 2.5, None, 2.0, 2.0, 8.0],
            "u": pa.array([5, 7, 3, None, 2, 9], pa.uint64()),
            "s": tags(list("aababb")),
        },
    )
    return database


def column(m: Any, call: str, over: str = "order by time") -> list[Any]:
    return [x for (x,) in m.rows(f"select {call} over ({over}) as x from m order by time")]


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("difference(x)", [None, None, 4, None, -1, 0]),
        ("difference(f)", [None, 1.5, None, -0.5, 0.0, 6.0]),
        ("difference(u)", [None, 2, 2**64 - 4, None, 2**64 - 1, 7]),
        ("non_negative_difference(x)", [None, None, 4, None, None, 0]),
        ("non_negative_difference(f)", [None, 1.5, None, None, 0.0, 6.0]),
        ("derivative(x, time)", [None, None, 4.0, None, -1 / 3, float("nan")]),
        ("derivative(f, time)", [None, 1.5, None, -0.25, 0.0, float("inf")]),
        ("derivative(u, time)", [None, 2.0, -4.0, None, -1 / 3, float("inf")]),
        ("derivative(f, time, interval '1 minute')", [None, 90.0, None, -15.0, 0.0, float("inf")]),
        ("non_negative_derivative(f, time)", [None, 1.5, None, None, 0.0, float("inf")]),
    ],
)
def test_values_follow_the_last_row_that_had_one(m: Any, call: str, expected: list[Any]) -> None:
    assert column(m, call) == [pytest.approx(x, nan_ok=True) if isinstance(x, float) else x for x in expected]


def test_a_difference_has_its_values_type_and_a_derivative_is_a_float(m: Any) -> None:
    result = m.arrow(
        "select difference(u) over w as a, derivative(u, time) over w as b from m window w as (order by time)"
    )
    assert result.schema.types == [pa.uint64(), pa.float64()]


def test_partitions_and_frames(m: Any) -> None:
    assert column(m, "difference(u)", "partition by s order by time") == [None, 2, None, None, 2**64 - 1, 7]
    assert column(m, "difference(x)", "order by time rows between 1 preceding and 1 preceding")[4] == -1


def test_they_work_over_aggregates(m: Any) -> None:
    rows = m.rows("select s, difference(sum(u)) over (order by s) as d from m group by s order by s")
    assert rows == [("a", None), ("b", 2)]


@pytest.mark.parametrize(
    ("unit", "problem"),
    [
        ("interval '1 day'", "cannot contain months or days"),
        ("interval '1 month'", "cannot contain months or days"),
        ("interval '0 seconds'", "must be positive"),
        ("interval '-1 second'", "must be positive"),
        ("null", "must be a non-null literal interval"),
        ("x * interval '1 second'", "must be a non-null literal interval"),
    ],
)
def test_units(m: Any, unit: str, problem: str) -> None:
    error = m.refuse(f"select derivative(x, time, {unit}) over (order by time) from m")
    assert error.message == f"Execution error: derivative unit parameter {problem}"


def test_wrong_types_are_refused_as_datafusion_refuses_them(m: Any) -> None:
    message = m.refuse("select difference(s) over (order by time) from m").message
    assert "Failed to coerce arguments to satisfy a call to 'difference' function" in message
    assert message.endswith("\n\tdifference(Int64)\n\tdifference(UInt64)\n\tdifference(Float64)")
    assert "argument types 'derivative(Int64)'" in m.refuse("select derivative(x) over (order by time) from m").message


def test_without_over_they_are_no_functions(m: Any) -> None:
    assert "Invalid function 'difference'." in m.refuse("select difference(x) from m").message


def test_columns_are_named_as_on_the_server(m: Any) -> None:
    names = m.arrow(
        "select difference(x) over (order by time), derivative(x, time) over (partition by s order by time) from m"
    )
    frame = "ORDER BY [m.time ASC NULLS LAST] RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
    assert names.column_names == [f"difference(m.x) {frame}", f"derivative(m.x,m.time) PARTITION BY [m.s] {frame}"]
